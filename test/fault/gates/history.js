// @ts-check
// What became of jobs and gates, as it was written down: one array for each line. All times are of the
// machine's monotonic clock, which its processes share.
import * as ofCallers from '../locks/history.js'
import * as ofJobs from '../queue/history.js'
import { recordsOf } from '../records.js'

/**
 * @typedef {import('../locks/history.js').Span} Span
 * @typedef {import('../queue/history.js').Violation} Violation
 *
 * @typedef {object} Hold of a gate, by a job while it runs or by a caller
 * @property {string} who the process
 * @property {string} gate
 * @property {string} by the key of the job, or `caller`
 * @property {number | null} fence
 * @property {number} [invokedMs] when its caller asked
 * @property {number} fromMs when its holder was told
 * @property {number} toMs how long the holder believed that it holds, as far as it wrote that down
 * @property {boolean} isLost it was told that it holds no more
 *
 * @typedef {object} Sample what the store said at one moment
 * @property {number} atMs
 * @property {string[]} free gates
 * @property {number} parked jobs
 *
 * @typedef {object} History
 * @property {import('../queue/history.js').History} jobs
 * @property {Hold[]} holds
 * @property {number} misses callers who got nothing
 * @property {Sample[]} samples
 * @property {Map<string, Span[]>} paused when a process could not run
 */

/** The process that starts the others. */
export const PARENT = 'parent'

/** @returns {History} */
export const emptyHistory = () => ({
  jobs: ofJobs.emptyHistory(),
  ...{ holds: [], misses: 0, samples: [], paused: new Map() },
})

/** @param {History} history what is read is added to it @param {string} who @param {string} text */
export function readProcess(history, who, text) {
  if (who.startsWith('holder')) return readHolder(history, who, text)
  ofJobs.readProcess(history.jobs, who, text)
  /** @type {Map<number, {key: string, holds: Hold[]}>} */
  const open = new Map()
  let lastMs = 0
  for (const [tag, atMs, number, ...fields] of recordsOf(text)) {
    lastMs = atMs
    const delivery = open.get(number)
    if (tag === 'paused') pausesOf(history, who).push({ fromMs: number, toMs: atMs })
    else if (tag === 'began') open.set(number, { key: fields[1], holds: [] })
    else if (tag === 'entered' && delivery) {
      delivery.holds = fields[0].map((/** @type {[string, number | null]} */ [gate, fence]) => ({
        ...{ who, gate, by: delivery.key, fence, fromMs: atMs, toMs: atMs, isLost: false },
      }))
      history.holds.push(...delivery.holds)
    } else if ((tag === 'ended' || tag === 'told') && delivery) {
      open.delete(number)
      for (const hold of delivery.holds) Object.assign(hold, { toMs: atMs, isLost: tag === 'told' })
    }
  }
  // Of a process that was killed nothing is known after its last line.
  for (const { holds } of open.values()) for (const hold of holds) hold.toMs = lastMs
}

/** Leases state their end, and say it by a clock that no pause stops. @param {History} history @param {string} who @param {string} text */
function readHolder(history, who, text) {
  const own = ofCallers.emptyHistory()
  ofCallers.readProcess(own, who, text)
  const life = ofCallers.lifeOf(own, who)
  pausesOf(history, who).push(...life.idle)
  history.misses += own.misses.length
  history.jobs.crashes.push(...own.crashes)
  for (const hold of own.holds) {
    const { name, fence, invokedMs, atMs, validUntilMs, toldMs, releasingMs } = hold
    const endMs = Math.min(releasingMs ?? life.lastMs, toldMs ?? life.lastMs, validUntilMs)
    history.holds.push({
      ...{ who, gate: `lock:${name}`, by: 'caller', fence, invokedMs, fromMs: atMs },
      ...{ toMs: Math.max(atMs, endMs), isLost: toldMs !== undefined },
    })
  }
}

/** Reads what the process wrote that started the others. @param {History} history @param {string} text */
export function readParent(history, text) {
  ofJobs.readParent(history.jobs, text)
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    if (tag === 'seen') history.samples.push({ atMs, free: fields[0], parked: fields[1] })
    else if (tag === 'paused') pausesOf(history, PARENT).push({ fromMs: fields[0], toMs: atMs })
  }
}

/** @param {History} history @param {string} who */
function pausesOf({ paused }, who) {
  const spans = paused.get(who) ?? []
  paused.set(who, spans)
  return spans
}
