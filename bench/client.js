// @ts-check
// Which Redis client costs least: calls a second and CPU a call, for each client in a process of
// its own, one after the other in every round.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { clients } from './client/clients.js'
import { CLIENT_CORE, pin, pinning } from './kit/cores.js'
import { readOptions } from './kit/options.js'
import { jsonLines, OURS, table } from './kit/report.js'
import { ask, startServer } from './kit/server.js'

/** @typedef {import('./client/process.js').Task} Task */
/** @typedef {import('./client/process.js').Outcome} Outcome */
/** @typedef {{ name: string, command: Task['command'], inFlight: number }} Case */

/** @type {readonly Case[]} */
const cases = [
  { name: 'get-1', command: 'get', inFlight: 1 },
  { name: 'get-100', command: 'get', inFlight: 100 },
  { name: 'evalsha-1', command: 'evalsha', inFlight: 1 },
  { name: 'evalsha-100', command: 'evalsha', inFlight: 100 },
  { name: 'evalsha-1000', command: 'evalsha', inFlight: 1_000 },
]

/** Of the shape of a renewal: a key, two arguments, one write, an answer in an array. */
const SCRIPT = "redis.call('SET', KEYS[1], ARGV[2]) return { { 'renewed', ARGV[1] } }"

/** Keys of client/process.js, so that a GET has something to bring from the start. */
const SEED = "for i = 0, 999 do redis.call('SET', 'bench:{' .. i .. '}:state', '30000000') end"

const { json, quick, rounds } = readOptions()
const warmUpMs = quick ? 150 : 400
const durationMs = quick ? 350 : 1_000

/** @param {string} name @param {number} port */
async function startClient(name, port) {
  const child = fork(path.join(import.meta.dirname, 'client', 'process.js'), [name, `${port}`])
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  pin(child.pid, CLIENT_CORE)
  const died = once(child, 'exit').then(() => Promise.reject(new Error(`client ${name} ended`)))
  died.catch(() => {})
  /** @returns {Promise<Outcome>} */
  const answer = async () => (await Promise.race([once(child, 'message'), died]))[0]
  await answer()
  return {
    name,
    /** @param {Task} task @returns {Promise<Outcome>} */
    run(task) {
      child.send(task)
      return answer()
    },
    stop() {
      stop()
      process.off('exit', stop)
    },
  }
}

/** @param {string} name version of a package of bench/, or of our own client */
function label(name) {
  if (name === OURS) return name
  const file = path.join(import.meta.dirname, 'node_modules', name, 'package.json')
  return `${name}@${JSON.parse(readFileSync(file, 'utf8')).version}`
}

/** @type {Record<'speed' | 'client' | 'server', Map<string, Map<string, number[]>>>} */
const figures = { speed: new Map(), client: new Map(), server: new Map() }

/** @param {keyof typeof figures} kind @param {string} name @param {string} client @param {number} value */
function note(kind, name, client, value) {
  const byClient = figures[kind].get(name) ?? new Map()
  figures[kind].set(name, byClient)
  byClient.set(client, [...(byClient.get(client) ?? []), value])
}

/**
 * @param {Awaited<ReturnType<typeof startServer>>} server
 * @param {Awaited<ReturnType<typeof startClient>>} client
 * @param {Case} one
 * @param {string} sha1
 */
async function measure(server, client, { name, command, inFlight }, sha1) {
  await client.run({ command, inFlight, durationMs: warmUpMs, sha1 })
  const startUs = await server.cpuUs()
  const { calls, elapsedMs, cpuUs } = await client.run({ command, inFlight, durationMs, sha1 })
  const serverUs = (await server.cpuUs()) - startUs
  const who = label(client.name)
  note('speed', name, who, (calls / elapsedMs) * 1000)
  note('client', name, who, cpuUs / calls)
  note('server', name, who, serverUs / calls)
}

/** New processes for each round: what one compiled well by luck does not count twice. */
async function runRound(/** @type {Awaited<ReturnType<typeof startServer>>} */ server, sha1 = '') {
  const competitors = []
  for (const name of Object.keys(clients)) competitors.push(await startClient(name, server.port))
  for (const client of competitors) {
    await client.run({ command: 'evalsha', inFlight: 100, durationMs: warmUpMs * 2, sha1 })
  }
  for (const one of cases) {
    for (const client of competitors) await measure(server, client, one, sha1)
  }
  for (const client of competitors) client.stop()
}

/** @param {keyof typeof figures} kind @param {string} suffix @param {string} unit @param {'higher' | 'lower'} better */
const casesOf = (kind, suffix, unit, better) =>
  cases.map(({ name }) => ({
    ...{ name: name + suffix, unit, better },
    rounds: figures[kind].get(name) ?? new Map(),
  }))

const server = await startServer()
try {
  const loaded = await ask(server.port, `SCRIPT LOAD "${SCRIPT}"`)
  const sha1 = loaded.split('\r\n')[1] ?? ''
  if (!/^[0-9a-f]{40}$/.test(sha1)) throw new Error(`the script was not loaded: ${loaded}`)
  await ask(server.port, `EVAL "${SEED}" 0`)
  for (let round = 1; round <= rounds; round++) {
    if (!json) console.error(`round ${round} of ${rounds} ...`)
    await runRound(server, sha1)
  }
} finally {
  await server.stop()
}

const speed = casesOf('speed', '', 'ops/s', 'higher')
const clientCpu = casesOf('client', '-cpu', 'µs/call', 'lower')
if (json) {
  for (const one of [...speed, ...clientCpu]) {
    for (const line of jsonLines('client', one)) console.log(line)
  }
} else {
  console.log(`client: median (min-max) of ${rounds} rounds of ${durationMs} ms a case`)
  console.log(
    `redis-server ${server.version} --save '' --appendonly no; Node ${process.versions.node}; ${pinning}\n`,
  )
  console.log(`${table(speed)}\n`)
  console.log(`CPU of the client\n${table(clientCpu)}\n`)
  console.log(`CPU of the server\n${table(casesOf('server', '-server', 'µs/call', 'lower'))}`)
}
