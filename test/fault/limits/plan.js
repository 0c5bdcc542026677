// @ts-check
// What all processes of a run limit, and what each limit promises of any window of time.

/**
 * @typedef {typeof import('../../../src/index.ts')} Rules whose functions make rules
 * @typedef {import('../../../src/index.ts').Rule} Rule
 *
 * @typedef {object} LimitPlan
 * @property {string} name of the limiter
 * @property {(rules: Rules) => Rule | Rule[]} rule
 * @property {number} periodMs in which a key becomes as good as new: nobody is sent away for longer,
 *   and no key lives longer
 * @property {number} longestMs of the windows that are looked at
 * @property {(windowMs: number) => number} bound units that a window of that length may have, at most
 * @property {number} ofStepUnits what a step back of the server's clock may add to a window with it
 */

const PER = '1s'
const PER_MS = 1_000
const UNITS = 100
/** Of one take: a step back of the clock lets one more through, whatever it costs. */
export const MOST_COST = 3

/** Windows of more than `per` fall into such windows. @param {number} units */
const inEachPeriod = (units) => ({ longestMs: PER_MS, bound: () => units })
/** @param {number} capacity @param {number} perSecond */
const leaking = (capacity, perSecond) => ({
  longestMs: 5 * PER_MS,
  bound: (/** @type {number} */ windowMs) => capacity + (windowMs * perSecond) / PER_MS,
})
/** @param {number} capacity @param {number} refill */
const refilled = (capacity, refill) => ({
  longestMs: 5 * PER_MS,
  bound: (/** @type {number} */ windowMs) => capacity + refill * Math.ceil(windowMs / PER_MS),
})

/** @type {readonly LimitPlan[]} */
export const PLANS = [
  {
    name: 'fixed-window',
    rule: ({ fixedWindow }) => fixedWindow({ limit: UNITS, per: PER }),
    ...{ periodMs: PER_MS, ofStepUnits: MOST_COST },
    ...refilled(UNITS, UNITS),
  },
  {
    name: 'sliding-log',
    rule: ({ slidingLog }) => slidingLog({ limit: UNITS, per: PER }),
    ...{ periodMs: PER_MS, ofStepUnits: MOST_COST },
    ...inEachPeriod(UNITS),
  },
  {
    name: 'long-sliding-log',
    rule: ({ slidingLog }) => slidingLog({ limit: 1.5 * UNITS, per: PER }),
    ...{ periodMs: PER_MS, ofStepUnits: MOST_COST },
    ...inEachPeriod(1.5 * UNITS),
  },
  {
    name: 'sliding-counter',
    rule: ({ slidingCounter }) => slidingCounter({ limit: UNITS, per: PER }),
    ...{ periodMs: 2 * PER_MS, ofStepUnits: MOST_COST },
    ...inEachPeriod(2 * UNITS - 1),
  },
  {
    name: 'strict-counter',
    rule: ({ slidingCounter }) => slidingCounter({ limit: UNITS, per: PER, strict: true }),
    ...{ periodMs: 1.1 * PER_MS, ofStepUnits: MOST_COST },
    ...inEachPeriod(UNITS),
  },
  {
    name: 'funnel',
    rule: ({ funnel }) => funnel({ capacity: 60, leak: 80, per: PER }),
    ...{ periodMs: 0.75 * PER_MS, ofStepUnits: MOST_COST },
    ...leaking(60, 80),
  },
  {
    name: 'greedy-bucket',
    rule: ({ tokenBucket }) => tokenBucket({ capacity: 100, refill: 50.5, per: PER }),
    ...{ periodMs: (100 / 50.5) * PER_MS, ofStepUnits: MOST_COST },
    ...leaking(100, 50.5),
  },
  {
    name: 'interval-bucket',
    rule: ({ tokenBucket }) =>
      tokenBucket({ capacity: 120, refill: 50, per: PER, mode: 'interval' }),
    ...{ periodMs: 3 * PER_MS, ofStepUnits: MOST_COST },
    ...refilled(120, 50),
  },
  {
    name: 'aligned-bucket',
    rule: ({ tokenBucket }) =>
      tokenBucket({ capacity: UNITS, refill: UNITS, per: PER, mode: 'aligned' }),
    periodMs: PER_MS,
    // The second that the clock repeats brings its refill again.
    ofStepUnits: UNITS + MOST_COST,
    ...refilled(UNITS, UNITS),
  },
  {
    name: 'several',
    rule: ({ slidingLog, funnel }) => [
      slidingLog({ limit: UNITS, per: PER }),
      funnel({ capacity: 60, leak: 80, per: PER }),
    ],
    ...{ periodMs: PER_MS, ofStepUnits: 2 * MOST_COST },
    longestMs: PER_MS,
    bound: (windowMs) => Math.min(UNITS, 60 + (windowMs * 80) / PER_MS),
  },
]

export const LONGEST_PERIOD_MS = Math.max(...PLANS.map(({ periodMs }) => periodMs))
/** Of each limiter: few enough that every one of them is always at its limit. */
export const KEYS = 6
export const PROCESSES = 4
export const COMMAND_TIMEOUT_MS = 1_000
/** Of each limiter in each process: callers, each with so many takes under way at most. */
export const CALLERS = 2
export const MOST_AT_ONCE = 64
/** Of takes with one cost, one after the other. */
export const LONGEST_RUN = 16
