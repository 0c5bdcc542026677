// @ts-check
// What all processes of a run work on together.

/** @typedef {{name: string, ttlMs: number}} LockPlan */

/** Every process uses the same names with the same lease. Of the last one the claim lease is shorter. @type {readonly LockPlan[]} */
export const HOT = [500, 800, 1_200, 3_500].map((ttlMs, index) => ({ name: `hot-${index}`, ttlMs }))

const COLD_TTL_MS = 1_500
/** @type {readonly LockPlan[]} */
export const COLD = Array.from({ length: 1_000 }, (_, index) => ({
  name: `cold-${index}`,
  ttlMs: COLD_TTL_MS,
}))

const ttls = new Map(HOT.map(({ name, ttlMs }) => [name, ttlMs]))
/** @param {string} name */
export const ttlOf = (name) => ttls.get(name) ?? COLD_TTL_MS
/** For how long a hand-over is granted before its new holder has said that it lives. @param {string} name */
export const claimOf = (name) => Math.min(ttlOf(name), 3_000)

export const LONGEST_TTL_MS = Math.max(COLD_TTL_MS, ...HOT.map(({ ttlMs }) => ttlMs))
export const PROCESSES = 8
export const COMMAND_TIMEOUT_MS = 2_000

/** Callers of each process, each with one call under way. */
export const CALLERS = { ofEachHotName: 2, ofColdNames: 80 }
