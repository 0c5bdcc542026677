// @ts-check
// What a Redlock may never do, whatever its nodes do: pure functions over what its callers were told.
import { checkFences } from '../locks/check-fences.js'
import { groupBy } from '../outcomes/history.js'

/**
 * @typedef {import('../locks/history.js').Hold} Hold
 * @typedef {import('../locks/history.js').Write} Write
 * @typedef {import('../locks/history.js').Violation} Violation
 *
 * @typedef {object} Call
 * @property {string} who
 * @property {string} op
 * @property {number} invokedMs
 * @property {number} [endedMs] missing where it never settled
 * @property {number} withinMs by when it had to
 * @property {number} [idleMs] in which its process could not run
 *
 * @typedef {object} Told
 * @property {readonly Hold[]} holds
 * @property {readonly Write[]} writes
 * @property {readonly Call[]} calls
 * @property {boolean} [isExclusive] false where the assumptions of exclusion do not hold
 */

const never = Number.POSITIVE_INFINITY
/** What settling may take beyond its deadline. */
const GRACE_MS = 250

/** @param {Told} told @returns {Violation[]} */
export function check({ holds, writes, calls, isExclusive = true }) {
  const names = [...groupBy(holds, ({ name }) => name).values()]
  return [
    ...(isExclusive ? names.flatMap(checkOverlaps) : []),
    ...holds.flatMap(checkLength),
    ...checkFences({
      ...{ misses: [], faults: [], crashes: [], lives: new Map() },
      holds: holds.filter(({ fence }) => fence > 0),
      writes: [...writes],
    }),
    ...calls.flatMap(checkCall),
  ]
}

/** By when the holder has nothing left, as it was told. @param {Hold} hold */
const endOf = ({ validUntilMs, releasingMs = never, toldMs = never }) =>
  Math.min(validUntilMs, releasingMs, toldMs)

/** @param {readonly Hold[]} same @returns {Violation[]} */
export function checkOverlaps(same) {
  /** @type {Violation[]} */
  const found = []
  /** @type {Hold | undefined} */
  let latest
  for (const hold of same.toSorted((a, b) => a.atMs - b.atMs)) {
    if (hold.atMs >= endOf(hold)) continue
    if (latest && hold.atMs < endOf(latest)) {
      const bothMs = Math.min(endOf(latest), endOf(hold)) - hold.atMs
      const what = `lock ${hold.name} had two holders for ${bothMs.toFixed(3)} ms`
      found.push({ what, witness: [latest, hold] })
    }
    if (!latest || endOf(hold) > endOf(latest)) latest = hold
  }
  return found
}

/** A process that stood still meanwhile may have got it in time. @param {Hold} hold @returns {Violation[]} */
function checkLength(hold) {
  const { name, atMs, validUntilMs, idleMs = 0 } = hold
  if (validUntilMs > atMs || idleMs > 0) return []
  return [{ what: `lock ${name} was given with nothing left of its lease`, witness: [hold] }]
}

/** @param {Call} call @returns {Violation[]} */
function checkCall(call) {
  const { op, invokedMs, endedMs, withinMs, idleMs = 0 } = call
  if (endedMs === undefined) return [{ what: `${op} never settled`, witness: [call] }]
  const tookMs = endedMs - invokedMs - idleMs
  if (tookMs <= withinMs + GRACE_MS) return []
  const what = `${op} settled after ${Math.round(tookMs)} ms, where ${withinMs} ms were allowed`
  return [{ what, witness: [call] }]
}
