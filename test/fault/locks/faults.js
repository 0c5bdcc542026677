// @ts-check
// What befalls processes and servers during a run, and how often.
import { setTimeout as pause } from 'node:timers/promises'
import { killClients } from '../outages/kinds-server.js'
import { COLD, HOT, LONGEST_TTL_MS } from './plan.js'

const POLL_MS = 50

/**
 * @typedef {import('../server.js').Server} Server
 *
 * @typedef {object} Chance
 * @property {() => number} next
 * @property {(low: number, high: number) => number} whole
 *
 * @typedef {object} Scene what faults are injected into
 * @property {import('./crew.js').Crew} crew
 * @property {import('./notes.js').Notes} notes
 * @property {Chance} chance
 *
 * @typedef {Pick<Scene, 'chance'> & {notes: Pick<Scene['notes'], 'fault'>}} ServerScene
 *
 * @typedef {() => Promise<unknown>} Kind
 */

/** @param {Scene} scene @returns {Kind[]} */
export function processKinds({ crew, notes, chance }) {
  // Longer than any lease, or longer than some.
  const drawStop = () => chance.whole(600, chance.next() < 0.3 ? LONGEST_TTL_MS + 1_000 : 2_000)
  const kill = (/** @type {boolean} */ isHolding) => () =>
    notes.fault(`kill -9 of ${isHolding ? 'a holder' : 'any process'}`, 'nothing', () =>
      crew.kill(isHolding),
    )
  const stop = (/** @type {boolean} */ isHolding) => () => {
    const ms = drawStop()
    const what = `SIGSTOP of ${isHolding ? 'a holder' : 'any process'} for ${ms} ms`
    return notes.fault(what, 'nothing', () => crew.stop(ms, isHolding))
  }
  const freeze = () => {
    const ms = drawStop()
    return notes.fault(`event loop blocked for ${ms} ms`, 'nothing', () => crew.freeze(ms))
  }
  return [kill(true), kill(false), stop(true), stop(false), freeze]
}

/** @param {ServerScene} scene @param {() => Promise<Server>} masterOf @returns {Kind[]} */
export function connectionKinds({ notes, chance }, masterOf) {
  return [
    () =>
      notes.fault('CLIENT KILL of all connections', 'silent', async () =>
        killClients(await masterOf()),
      ),
    () =>
      notes.fault('CLIENT KILL TYPE pubsub', 'silent', async () =>
        (await masterOf()).command('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      ),
    () =>
      notes.fault('SCRIPT FLUSH, 10 times', 'nothing', async () => {
        const server = await masterOf()
        for (let count = 0; count < 10; count++) {
          await server.command('SCRIPT', 'FLUSH')
          await pause(chance.whole(1, 50))
        }
      }),
  ]
}

/** Nothing that was answered is lost. @param {ServerScene} scene @param {Server} server @returns {Kind[]} */
export function stoppingKinds({ notes, chance }, server) {
  return [
    () => {
      const ms = chance.whole(200, 2_500)
      const what = chance.next() < 0.5 ? 'ALL' : 'WRITE'
      return notes.fault(`CLIENT PAUSE ${ms} ${what}`, 'silent', async () => {
        await server.command('CLIENT', 'PAUSE', ms, what)
        await pause(ms)
      })
    },
    () => {
      const ms = chance.whole(300, 2_500)
      return notes.fault(`SIGSTOP of the server for ${ms} ms`, 'silent', async () => {
        server.pause()
        await pause(ms)
        server.resume()
      })
    },
    () => {
      const ms = chance.whole(0, 500)
      return notes.fault(
        `kill -9 of the server, and a restart ${ms} ms later`,
        'silent',
        async () => {
          await server.kill()
          await pause(ms)
          await server.restart()
        },
      )
    },
  ]
}

/** @param {Pick<Scene, 'notes' | 'chance'>} scene @param {Server} server @returns {Kind[]} */
export function serverKinds({ notes, chance }, server) {
  /** @param {readonly string[]} what @param {string[]} names */
  const forget = (what, names) =>
    server.command('DEL', ...names.map((name) => `${what.join(':')}:{${name}}`))
  return [
    ...stoppingKinds({ notes, chance }, server),
    () => notes.fault('FLUSHALL', 'lossy', () => server.command('FLUSHALL')),
    () => {
      const from = chance.whole(0, COLD.length - 100)
      const names = [...HOT, ...COLD.slice(from, from + 100)].map(({ name }) => name)
      return notes.fault('DEL of 104 locks', 'lossy', () => forget(['sluice', 'lock'], names))
    },
  ]
}

/** Each kind once in a drawn order, then each again. @param {Chance} chance @param {readonly Kind[]} kinds */
function* shuffled(chance, kinds) {
  for (;;) {
    const rest = [...kinds]
    while (rest.length > 0) {
      const [kind] = rest.splice(chance.whole(0, rest.length - 1), 1)
      if (kind) yield kind
    }
  }
}

/**
 * Injects one kind after the other, with calm between them, until it is stopped.
 *
 * @param {Chance} chance
 * @param {readonly Kind[]} kinds
 * @param {readonly [number, number]} calmMs
 */
export function startFaults(chance, kinds, [shortestMs, longestMs]) {
  const stop = new AbortController()
  /** @type {(value: void) => void} */
  let tellAll = () => {}
  const eachOnce = new Promise((resolve) => {
    tellAll = resolve
  })
  const calm = () =>
    pause(chance.whole(shortestMs, longestMs), undefined, { signal: stop.signal }).catch(() => {})
  async function run() {
    let count = 0
    for (const inject of shuffled(chance, kinds)) {
      await calm()
      if (stop.signal.aborted) return
      await inject()
      if (++count === kinds.length) tellAll()
    }
  }
  const running = run()
  return {
    /** Every kind has been injected; rejects if one could not be. */
    eachOnce: Promise.race([eachOnce, running]),
    async stop() {
      stop.abort()
      await running
    },
  }
}

/** @typedef {Pick<ReturnType<typeof startFaults>, 'eachOnce' | 'stop'>} Injected */

/**
 * Goes on until every fault was there once and enough was done; the last ones pass.
 *
 * @param {readonly Injected[]} injected
 * @param {() => boolean} isEnough
 */
export async function untilEnough(injected, isEnough) {
  await Promise.all(injected.map(({ eachOnce }) => eachOnce))
  while (!isEnough()) await pause(POLL_MS)
  await Promise.all(injected.map(({ stop }) => stop()))
}
