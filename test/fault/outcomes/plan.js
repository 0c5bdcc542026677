// @ts-check
// What all processes of a run work on together.

/**
 * @typedef {object} Rules
 * @property {typeof import('../../../src/index.ts').funnel} funnel
 * @property {typeof import('../../../src/index.ts').slidingLog} slidingLog
 *
 * @typedef {object} LimiterPlan
 * @property {string} name
 * @property {number} limit units that a key may have
 * @property {number} perMs how long they count; an hour is longer than any run
 * @property {number} keys
 * @property {(rules: Rules) => import('../../../src/index.ts').Rule} rule
 */

/** The last one is worked off by nobody: what is added stays there to be counted. */
export const QUEUES = { taken: 'taken', worked: 'worked', kept: 'kept' }

/** Every process uses the same names with the same lease. */
export const LOCKS = [300, 300, 600, 600, 1_000, 2_000].map((ttlMs, index) => ({
  name: `hot-${index}`,
  ttlMs,
}))

export const LONGEST_TTL_MS = 2_000
const HOUR_MS = 3_600_000

/** @param {string} name @param {number} limit @param {number} perMs @param {number} keys @returns {LimiterPlan} */
const log = (name, limit, perMs, keys) => ({
  ...{ name, limit, perMs, keys },
  rule: ({ slidingLog }) => slidingLog({ limit, per: perMs }),
})

/** It leaks a unit in an hour, so in a run it only fills up. @param {string} name @param {number} limit @param {number} keys @returns {LimiterPlan} */
const filling = (name, limit, keys) => ({
  ...{ name, limit, perMs: HOUR_MS, keys },
  rule: ({ funnel }) => funnel({ capacity: limit, leak: 1, per: HOUR_MS }),
})

/** @type {readonly LimiterPlan[]} */
export const LIMITERS = [
  filling('large-funnel', 10_000, 60),
  filling('small-funnel', 25, 200),
  log('large-log', 10_000, HOUR_MS, 60),
  log('small-log', 25, HOUR_MS, 200),
  log('moving-log', 20, 300, 8),
]

/** The server forgets nothing of such a limiter during a run. @param {{perMs: number}} plan */
export const onlyFills = ({ perMs }) => perMs === HOUR_MS
