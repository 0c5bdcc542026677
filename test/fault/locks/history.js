// @ts-check
// What processes did with their locks and what befell them, as it was written down: one array for
// each line. All times are of the machine's monotonic clock, which its processes share.
import { recordsOf } from '../records.js'

/**
 * @typedef {object} Hold one lease, from its acquisition to its end
 * @property {string} who the process
 * @property {number} number of the lease in its process
 * @property {string} name of the lock
 * @property {number} fence
 * @property {number} invokedMs when the acquisition began
 * @property {number} atMs when its holder was told
 * @property {number} validUntilMs the latest end that the lease itself has stated
 * @property {number} [releasingMs] when its release was asked for
 * @property {number} [releasedMs] when that was answered
 * @property {string} [answer] of the release, or the code of its error
 * @property {number} [toldMs] when its holder was told of its loss
 * @property {string} [reason] of the loss
 * @property {number} [idleMs] between the stated end and that moment, in which the process could not run
 * @property {boolean} [isRevived] it said that it is held after it had told of its loss
 *
 * @typedef {object} Miss an acquisition that got nothing
 * @property {string} who
 * @property {string} name
 * @property {number} invokedMs
 * @property {number} atMs
 * @property {string} why
 *
 * @typedef {object} Write one attempt to write to what a lock guards, in the order in which they came
 * @property {string} who
 * @property {number} number of the lease
 * @property {string} name
 * @property {number} fence
 * @property {number} atMs
 * @property {boolean} isAccepted
 *
 * @typedef {{fromMs: number, toMs: number}} Span
 *
 * @typedef {object} Life of a process
 * @property {number} firstMs of its first acquisition
 * @property {number} lastMs of its last line: nothing that it did until then is missing
 * @property {number} [killedMs]
 * @property {Span[]} idle when it could not run
 *
 * What a fault excuses. `silent`: nobody can be served. `lossy`: the server forgot, or its clock ran
 * ahead, so that leases of that moment may end without their holders; writes stay guarded.
 * @typedef {'nothing' | 'silent' | 'lossy'} Effect
 *
 * @typedef {Span & {what: string, effect: Effect}} Fault
 *
 * @typedef {object} History
 * @property {Hold[]} holds
 * @property {Miss[]} misses
 * @property {Write[]} writes
 * @property {Map<string, Life>} lives
 * @property {Fault[]} faults
 * @property {object[]} crashes
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

const never = Number.POSITIVE_INFINITY

/** The process that asks for every lock once everything works again. */
export const LAST = 'last'

/** @returns {History} */
export const emptyHistory = () => ({
  ...{ holds: [], misses: [], writes: [], faults: [], crashes: [] },
  lives: new Map(),
})

/** @param {History} history @param {string} who @returns {Life} */
export function lifeOf({ lives }, who) {
  const life = lives.get(who) ?? { firstMs: never, lastMs: 0, idle: [] }
  lives.set(who, life)
  return life
}

/**
 * Reads the lines of one process.
 *
 * @param {History} history what they are added to
 * @param {string} who
 * @param {string} text
 */
export function readProcess(history, who, text) {
  const life = lifeOf(history, who)
  /** @type {Map<number, Hold>} */
  const holds = new Map()
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    life.lastMs = Math.max(life.lastMs, atMs)
    if (tag === 'missed') {
      const [name, invokedMs, why] = fields
      history.misses.push({ who, name, invokedMs, atMs, why })
      life.firstMs = Math.min(life.firstMs, invokedMs)
    } else if (tag === 'stalled') life.idle.push({ fromMs: fields[0], toMs: atMs })
    else if (tag === 'crashed') history.crashes.push({ who, atMs, message: fields[0] })
    else if (tag === 'acquired') {
      const [number, name, fence, invokedMs, validUntilMs] = fields
      const hold = { who, number, name, fence, invokedMs, atMs, validUntilMs }
      holds.set(number, hold)
      history.holds.push(hold)
      life.firstMs = Math.min(life.firstMs, invokedMs)
    } else {
      const hold = holds.get(fields[0])
      if (hold) goOn(hold, tag, atMs, fields)
    }
  }
}

/** @param {Hold} hold @param {string} tag @param {number} atMs @param {any[]} fields */
function goOn(hold, tag, atMs, [, first, second]) {
  if (tag === 'held' || tag === 'releasing') {
    hold.validUntilMs = Math.max(hold.validUntilMs, first)
    if (tag === 'releasing') hold.releasingMs = atMs
    // It may have told while it was asked.
    else if ((hold.toldMs ?? atMs) < atMs) hold.isRevived = true
  } else if (tag === 'told') {
    hold.toldMs = atMs
    hold.reason = first
    hold.idleMs = second
  } else if (tag === 'released') {
    hold.releasedMs = atMs
    hold.answer = first
  }
}

/** Reads what the process wrote that started the others. @param {History} history @param {string} text */
export function readParent(history, text) {
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    if (tag === 'write') {
      const [who, number, name, fence, isAccepted] = fields
      history.writes.push({ who, number, name, fence, atMs, isAccepted })
    } else if (tag === 'killed') lifeOf(history, fields[0]).killedMs = atMs
    else if (tag === 'idle') lifeOf(history, fields[0]).idle.push({ fromMs: fields[1], toMs: atMs })
    else if (tag === 'fault') {
      const [what, fromMs, effect] = fields
      history.faults.push({ what, fromMs, toMs: atMs, effect })
    }
  }
}
