// @ts-check
// One real server: a child process on a port of its own, which can be ended and brought back.
import { spawn } from 'node:child_process'
import * as files from 'node:fs'
import path from 'node:path'
import { findPort } from '../../scripts/ports.js'
import { provideRedisServer } from '../../scripts/redis-server.js'
import { openRunFolder } from './guard.js'
import { readFields, send, waitUntil } from './resp.js'

/**
 * @typedef {object} ServerOptions
 * @property {readonly string[]} [args] more server arguments; they win over those set here
 * @property {number} [port] a free one by default
 * @property {string} [host] 127.0.0.1
 * @property {string} [folder] a data folder that outlives the server
 * @property {boolean | 'always'} [persist] keep an append-only file, written each second or always
 * @property {string} [password]
 * @property {string} [ca] the port speaks TLS, and this is its authority
 * @property {readonly string[]} [prefix] a command to start the server with
 * @property {(place: {port: number, folder: string}) => readonly string[]} [settings] lines of a
 *   settings file of its own, which the server may rewrite, and which survives a restart
 * @property {boolean} [isSentinel]
 *
 * @typedef {import('./resp.js').Endpoint & {host: string}} Endpoint
 * @typedef {Awaited<ReturnType<typeof startServer>>} Server
 *
 * @typedef {object} Place where one server lives
 * @property {Endpoint} endpoint
 * @property {string} ownFolder
 * @property {string} dataFolder
 */

const startTimeoutMs = 10_000
const stopTimeoutMs = 5_000
const startAttempts = 5

/** @type {ReturnType<typeof provideRedisServer> | undefined} */
let binary

/** Every answered write survives a crash; a short file is read again soon. */
export const durable = {
  persist: /** @type {const} */ ('always'),
  args: ['--auto-aof-rewrite-min-size', '16mb'],
}

/** @param {ServerOptions} [options] */
export async function startServer(options = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnPort(options.port ?? (await findPort()), options)
    } catch (error) {
      // The port was free a moment ago, and may have been taken since.
      const isCollision = error instanceof Error && /address already in use/i.test(error.message)
      if (!isCollision || options.port !== undefined || attempt === startAttempts) throw error
    }
  }
}

/** @param {number} port @param {ServerOptions} options */
async function startOnPort(port, options) {
  const { host = '127.0.0.1', password, ca } = options
  const endpoint = { host, port, ...(password && { password }), ...(ca && { ca }) }
  const ownFolder = files.mkdtempSync(path.join(openRunFolder(), 'server-'))
  const dataFolder = options.folder ?? path.join(ownFolder, 'data')
  const launch = () => spawnServer({ endpoint, ownFolder, dataFolder }, options)
  let child = await launch()
  let isPaused = false

  /** @param {NodeJS.Signals} signal */
  async function end(signal) {
    if (!child.isRunning()) return
    const { process: running, ended } = child
    running.kill(signal)
    // A stopped process sees no other signal before it goes on.
    running.kill('SIGCONT')
    const patience = setTimeout(() => running.kill('SIGKILL'), stopTimeoutMs)
    await ended
    clearTimeout(patience)
    isPaused = false
  }

  /** @param {boolean} paused */
  function freeze(paused) {
    isPaused = paused
    child.process.kill(paused ? 'SIGSTOP' : 'SIGCONT')
  }

  const login = password ? `:${encodeURIComponent(password)}@` : ''
  return {
    ...endpoint,
    url: `${ca ? 'rediss' : 'redis'}://${login}${host}:${port}`,
    /** The process id; that of the last process when none runs. */
    get pid() {
      return child.process.pid ?? 0
    },
    /** It runs, and is not paused. */
    get isUp() {
      return child.isRunning() && !isPaused
    },
    /** One command on a connection of its own. @param {(string | number)[]} words */
    command: (...words) => send(endpoint, words),
    /** Ends the server in an orderly way. Its data stays for a restart. */
    stop: () => end('SIGTERM'),
    /** Ends the server as a crash does. */
    kill: () => end('SIGKILL'),
    /** Freezes the server: its sockets stay open and nothing answers. */
    pause: () => freeze(true),
    resume: () => freeze(false),
    /**
     * Comes back on the same port with the data there is, after a crash if it still runs.
     *
     * @param {{empty?: boolean}} [how] `empty` comes back without any data
     */
    async restart({ empty = false } = {}) {
      await end('SIGKILL')
      if (empty) files.rmSync(dataFolder, { recursive: true, force: true })
      child = await launch()
    },
    /** Ends the server, and removes its folder. */
    async close() {
      await end('SIGKILL')
      files.rmSync(ownFolder, { recursive: true, force: true })
    },
  }
}

/** @param {Place} place @param {ServerOptions} options */
async function spawnServer(place, options) {
  const { endpoint, ownFolder, dataFolder } = place
  const log = path.join(ownFolder, 'redis.log')
  const pidFile = path.join(ownFolder, 'redis.pid')
  binary ??= provideRedisServer()
  const server = await binary
  files.mkdirSync(dataFolder, { recursive: true })
  // Debian's server looks at the name it was started by, and a prefix would lose an argv0.
  const link = path.join(ownFolder, 'redis-server')
  files.rmSync(link, { force: true })
  files.symlinkSync(server.binary, link)
  const words = [...(options.prefix ?? []), link, ...listArguments(place, pidFile, options)]
  const [command = link, ...args] = words
  const output = files.openSync(log, 'w')
  const child = spawn(command, args, {
    env: { ...process.env, ...server.env },
    stdio: ['ignore', output, output],
  })
  files.closeSync(output)
  // Without a handler a failing start would end this process; the exit tells as much.
  child.on('error', () => {})
  // A server must not keep the process alive that is done with it.
  child.unref()
  let isRunning = child.pid !== undefined
  // The server writes it too, but only once it has started.
  if (isRunning) files.writeFileSync(pidFile, `${child.pid}\n`)
  const ended = new Promise((resolve) => {
    child.once('exit', () => {
      isRunning = false
      files.rmSync(pidFile, { force: true })
      resolve(undefined)
    })
  })
  try {
    const what = `redis-server answers on port ${endpoint.port}`
    await waitUntil(what, startTimeoutMs, async () => !isRunning || (await answersAs(child.pid)))
    if (!isRunning)
      throw new Error(`redis-server ended at once:\n${files.readFileSync(log, 'utf8')}`)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return { process: child, ended, isRunning: () => isRunning }

  /** On a port lost to somebody else's server, a PING alone would be answered by the wrong one. */
  async function answersAs(/** @type {number | undefined} */ pid) {
    try {
      await send(endpoint, ['PING'])
    } catch (error) {
      // Whoever set a password by an argument of its own has one that is not known here.
      if (error instanceof Error && error.message.startsWith('NOAUTH')) return true
      throw error
    }
    return readFields(await send(endpoint, ['INFO', 'server'])).process_id === `${pid}`
  }
}

/** @param {Place} place @param {string} pidFile @param {ServerOptions} options */
function listArguments({ endpoint, ownFolder, dataFolder }, pidFile, options) {
  const { args = [], persist = false, password, settings, isSentinel = false } = options
  const file = path.join(ownFolder, 'redis.conf')
  if (settings !== undefined && !files.existsSync(file)) {
    const lines = settings({ port: endpoint.port, folder: ownFolder })
    files.writeFileSync(file, `${lines.join('\n')}\n`)
  }
  return [
    ...(settings === undefined ? [] : [file]),
    ...(isSentinel ? ['--sentinel'] : ['--save', '', '--appendonly', persist ? 'yes' : 'no']),
    ...(persist === 'always' ? ['--appendfsync', 'always'] : []),
    ...(options.ca ? ['--port', '0', '--tls-port'] : ['--port']),
    ...[`${endpoint.port}`, '--bind', endpoint.host, '--dir', dataFolder, '--pidfile', pidFile],
    ...(password ? ['--requirepass', password] : []),
    ...args,
  ]
}
