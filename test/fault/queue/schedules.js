// @ts-check
// The schedules of a storm: made before it begins, looked at when everything has healed, and removed.
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { putSchedules } from './adding.js'
import { SCHEDULES } from './plan.js'

/** @typedef {import('./lanes.js').Queue} Queue */

const POLL_MS = 50
/** Healed, they have this long to make up for what they missed. */
const PATIENCE_MS = 30_000

/** Answers the first slot of each. @param {Queue} queue @returns {Promise<Map<string, number>>} */
export async function openSchedules(queue) {
  const made = await putSchedules(queue)
  return new Map(made.map(({ name, nextAtMs }) => [name, nextAtMs]))
}

/**
 * Whether they go on, and how far they came; then they are no more.
 *
 * @param {Queue} queue
 * @param {Map<string, number>} firsts
 * @returns {Promise<import('./history.js').Scheduled[]>}
 */
export const closeSchedules = (queue, firsts) =>
  Promise.all(
    SCHEDULES.map(async ({ name, everyMs }) => {
      const look = async () => (await queue.schedules.get(name))?.lastAtMs ?? null
      const untilMs = monotonicMs() + PATIENCE_MS
      const beforeMs = await look()
      let lastAtMs = beforeMs
      while (lastAtMs === beforeMs && monotonicMs() < untilMs) {
        await pause(POLL_MS)
        lastAtMs = await look()
      }
      await queue.schedules.remove(name)
      const firstAtMs = firsts.get(name) ?? 0
      return { name, everyMs, firstAtMs, lastAtMs, isMoving: lastAtMs !== beforeMs }
    }),
  )
