// @ts-check
// What all processes of a run work on together.

/** Processes of each role. */
export const SIZES = { worker: 6, producer: 2 }

/** The jobs of two are handled by workers, one of them in partitions; those of the third are taken and settled by hand. */
export const QUEUES = { worked: 'worked', spread: 'spread', taken: 'taken' }
/** Of consumers that take by hand it is not to be chosen. */
export const LEASE_MS = { worked: 2_000, spread: 2_000, taken: 15_000 }
export const MAX_CRASHES = 3
export const TIMEOUT_MS = 1_500
export const BACKOFF_MS = 100
/** @type {import('../../../src/index.ts').QueueOptions} */
export const QUEUE_OPTIONS = {
  attempts: 5,
  backoff: { type: 'fixed', base: BACKOFF_MS },
  timeout: TIMEOUT_MS,
  maxCrashes: MAX_CRASHES,
}
/** @param {string} queue @returns {import('../../../src/index.ts').QueueOptions} */
export const optionsOf = (queue) =>
  queue === QUEUES.spread ? { ...QUEUE_OPTIONS, partitions: 3 } : QUEUE_OPTIONS
export const CONCURRENCY = { worked: 8, spread: 4 }
/** Keys of each producer in each queue, whose jobs run one after the other. */
export const STRANDS = 5
/** Adds of one queue under one id: of all callers in so long, in whatever process. */
export const TWINS_MS = 200
/**
 * Of the queue whose jobs workers handle. `everyMs` is said of those of which no slot may be missed.
 * @type {{name: string, everyMs: number | null, rule: import('../../../src/index.ts').ScheduleRule, catchUp: 'all' | 'one'}[]}
 */
export const SCHEDULES = [
  { name: 'each', everyMs: 700, rule: { every: 700 }, catchUp: 'all' },
  { name: 'newest', everyMs: null, rule: { cron: '* * * * * *' }, catchUp: 'one' },
]
export const COMMAND_TIMEOUT_MS = 2_000
/** Longer than any call may take: who still waits then waits for ever. */
export const PATIENCE_MS = 30_000

/**
 * What a job does to whoever works on it. `poison` kills each time. What is `bad` or `hanging` is so
 * the first time only: it throws what is no error, or never ends. What is `doomed` fails each time.
 * @typedef {'plain' | 'bad' | 'hanging' | 'doomed' | 'poison'} Nature
 *
 * @typedef {{key: string, nature: Nature}} Payload
 */

/** What the one job of a slot is known by. @param {string} schedule @param {number} slotAtMs */
export const slotKey = (schedule, slotAtMs) => `slot:${schedule}@${slotAtMs}`
/** Undefined for jobs that somebody added. @param {string} key */
export function slotOf(key) {
  const [, schedule, slotAtMs] = /^slot:(.*)@([\d.]+)$/.exec(key) ?? []
  return schedule === undefined ? undefined : { schedule, slotAtMs: Number(slotAtMs) }
}
/**
 * Whoever made it. One whose data is lost has none.
 * @param {{data: Payload | null, schedule?: import('../../../src/index.ts').ScheduleSlot | null}} job
 */
export const keyOf = ({ data, schedule }) =>
  schedule ? slotKey(schedule.name, schedule.slotAtMs) : (data?.key ?? 'without data')

/** A process has one name for its place, and one for each life in it: `worker-1` and `worker-1.3`. @param {string} who */
export const placeOf = (who) => who.replace(/\.\d+$/, '')
