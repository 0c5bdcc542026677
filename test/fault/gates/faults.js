// @ts-check
// What befalls the processes of a run.
import { setTimeout as pause } from 'node:timers/promises'
import { HOLDER_TTL_MS, JOB_TTL_MS } from './plan.js'

/**
 * @typedef {import('../queue/faults.js').Scene} Scene
 * @typedef {import('../queue/crew.js').Role} Role
 * @typedef {import('../locks/faults.js').Kind} Kind
 */

/** Longer than a hand-over is granted for before its new holder has said that it lives. */
const LONG_STOP_MS = 6_000

/** @param {Scene} scene @returns {Kind[]} */
export function processKinds({ crew, chance, fault }) {
  /** @param {Role} role @param {string} what @param {(place: string) => Promise<unknown>} inject */
  const one = (role, what, inject) => () => {
    const place = crew.pick(role)
    return fault(`${what} (${place})`, place, () => inject(place))
  }
  /** @param {Role} role @param {string} what @param {number} leastMs @param {number} mostMs */
  const stop = (role, what, leastMs, mostMs) => () => {
    const [place, ms] = [crew.pick(role), chance.whole(leastMs, mostMs)]
    return fault(`${what} for ${ms} ms (${place})`, place, () => crew.stop(place, ms))
  }
  return [
    one('worker', 'kill -9 of a worker in the middle of a job', crew.kill),
    one('worker', 'kill -9 of a worker while it acknowledges', async (place) =>
      crew.tell(place, { dieAt: 'acknowledging' }),
    ),
    one('worker', 'close of a worker under load', async (place) => {
      const end = await crew.replace(place)
      if (end.exit !== 0 && end.exit !== 'SIGKILL') throw new Error(`${end.who} ended: ${end.exit}`)
    }),
    stop('worker', 'SIGSTOP of a worker', 300, LONG_STOP_MS),
    stop('worker', 'SIGSTOP of a worker, longer than its locks last,', JOB_TTL_MS + 500, 17_000),
    () => {
      const [place, freezeMs] = [crew.pick('worker'), chance.whole(300, LONG_STOP_MS)]
      return fault(`event loop blocked for ${freezeMs} ms (${place})`, place, async () => {
        crew.tell(place, { freezeMs })
        await pause(freezeMs)
      })
    },
    one('holder', 'kill -9 of a holder in the middle of a hold', crew.kill),
    stop('holder', 'SIGSTOP of a holder', 300, 3 * HOLDER_TTL_MS),
    one('producer', 'kill -9 of a producer in the middle of an add', crew.kill),
  ]
}
