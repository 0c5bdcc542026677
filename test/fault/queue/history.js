// @ts-check
// What processes did with jobs and what befell them, as it was written down: one array for each line.
// All times are of the machine's monotonic clock, which its processes share.
import { recordsOf } from '../records.js'

/**
 * @typedef {import('./plan.js').Nature} Nature
 *
 * @typedef {object} Add one call of `add` or `addMany`
 * @property {string} who
 * @property {string} queue
 * @property {string[]} keys
 * @property {number} atMs
 * @property {Nature} nature
 * @property {'ok' | 'fail' | 'unknown'} end `unknown` too if the process ended before it was told
 * @property {string} [strand] the key of its jobs, which run one after the other
 * @property {string[]} [ids]
 * @property {boolean[]} [isNew] whether this call made the job
 * @property {string} [code] of the error
 *
 * @typedef {object} Delivery of a job to somebody
 * @property {string} who
 * @property {string} queue
 * @property {string} key
 * @property {string} id
 * @property {number} fence
 * @property {number} attempt
 * @property {number} beganMs
 * @property {number} [endedMs] when its handler came back; missing if that was not seen
 * @property {'done' | 'failed'} [how]
 * @property {'ok' | 'stale' | 'unknown'} [answer] to its settlement, if somebody asked for one
 *
 * @typedef {object} DeadLetter
 * @property {string} queue
 * @property {string} key
 * @property {string} id
 * @property {string} reason
 *
 * @typedef {object} Scheduled what became of a schedule; slots are of the engine's clock
 * @property {string} name
 * @property {number | null} everyMs null where slots may be missed
 * @property {number} firstAtMs its first slot
 * @property {number | null} lastAtMs the last one that had a job by the time that everything had healed
 * @property {boolean} isMoving whether slots got jobs then
 *
 * @typedef {{fromMs: number, toMs: number}} Span
 * @typedef {Span & {what: string, hit: string}} Fault `hit` is a place, or `all`
 *
 * @typedef {object} History
 * @property {Add[]} adds
 * @property {Delivery[]} deliveries
 * @property {DeadLetter[]} dead what is dead when all is over
 * @property {Record<string, number>} left jobs of each queue that are not, when all is over
 * @property {Scheduled[]} schedules
 * @property {Fault[]} faults
 * @property {number} quietMs from here on nothing is added any more
 * @property {object[]} crashes
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

/** Everybody, and not one place. */
export const ALL = 'all'

/** @returns {History} */
export const emptyHistory = () => ({
  ...{ adds: [], deliveries: [], dead: [], left: {}, faults: [], crashes: [], schedules: [] },
  quietMs: Number.POSITIVE_INFINITY,
})

/** @param {History} history what is read is added to it @param {string} who @param {string} text */
export function readProcess(history, who, text) {
  /** @type {Map<number, Add>} */
  const adds = new Map()
  /** @type {Map<number, Delivery>} */
  const deliveries = new Map()
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    const [number, first, second, third, ...rest] = fields
    if (tag === 'adding') {
      const [strand] = rest
      const what = { queue: first, keys: third, nature: second, ...(strand && { strand }) }
      adds.set(number, { who, atMs, end: 'unknown', ...what })
    } else if (tag === 'added') {
      Object.assign(adds.get(number) ?? {}, { end: 'ok', ids: first, isNew: second })
    } else if (tag === 'refused')
      Object.assign(adds.get(number) ?? {}, { end: first, code: second })
    else if (tag === 'began') {
      const [fence, attempt] = rest
      const job = { who, queue: first, key: second, id: third, fence, attempt, beganMs: atMs }
      deliveries.set(number, job)
    } else if (tag === 'ended') {
      Object.assign(deliveries.get(number) ?? {}, { how: first, endedMs: atMs })
    } else if (tag === 'settled') Object.assign(deliveries.get(number) ?? {}, { answer: first })
    else if (tag === 'stalled') {
      const what = 'the machine did not let it run'
      history.faults.push({ what, hit: who, fromMs: number, toMs: atMs })
    } else if (tag === 'crashed') history.crashes.push({ who, atMs, message: number })
  }
  history.adds.push(...adds.values())
  history.deliveries.push(...deliveries.values())
}

/** Reads what the process wrote that started the others. @param {History} history @param {string} text */
export function readParent(history, text) {
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    if (tag === 'fault') {
      const [what, fromMs, hit] = fields
      history.faults.push({ what, hit, fromMs, toMs: atMs })
    } else if (tag === 'quiet') history.quietMs = atMs
    else if (tag === 'left') history.left[fields[0]] = fields[1]
    else if (tag === 'dead') {
      const [queue, key, id, reason] = fields
      history.dead.push({ queue, key, id, reason })
    } else if (tag === 'scheduled') history.schedules.push(fields[0])
  }
}
