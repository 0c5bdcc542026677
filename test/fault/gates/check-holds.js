// @ts-check
// Who had which gate: never more at one time than it has room for, and fences of a lock that grow, whoever
// has it, jobs or callers.
import { checkFences } from '../locks/check-fences.js'
import { emptyHistory } from '../locks/history.js'
import { groupBy } from '../outcomes/history.js'
import { roomOf } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Hold} Hold
 * @typedef {import('./history.js').Violation} Violation
 */

/** A pause that is shorter is not written down: for so long a process may not have been told. */
const UNSEEN_MS = 100

/** @param {History} history @returns {Violation[]} */
export function checkHolds(history) {
  const gates = groupBy(history.holds, ({ gate }) => gate)
  return [
    ...[...gates].flatMap(([gate, holds]) => checkRoom(history, gate, holds)),
    ...checkFences({
      ...emptyHistory(),
      holds: history.holds.flatMap((one) => fenced(history, one)),
    }),
  ]
}

/**
 * How long the holder can be blamed for holding it. A job knows of a loss by a timer: after a pause that is
 * told in the first turns, and what it did before them it did without knowing.
 *
 * @param {History} history
 * @param {Hold} hold
 */
function endOf(history, { who, by, toMs, isLost }) {
  if (by === 'caller') return toMs
  const endMs = isLost ? toMs - UNSEEN_MS : toMs
  return pauseAround(history, who, endMs)?.fromMs ?? endMs
}

/** @param {History} history @param {string} who @param {number} atMs */
const pauseAround = ({ paused }, who, atMs) =>
  paused.get(who)?.find(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + UNSEEN_MS)

/** @param {History} history @param {string} gate @param {readonly Hold[]} holds @returns {Violation[]} */
function checkRoom(history, gate, holds) {
  const room = roomOf(gate)
  /** @type {Violation[]} */
  const found = []
  /** @type {{hold: Hold, endMs: number}[]} */
  let inside = []
  for (const hold of holds.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const endMs = endOf(history, hold)
    if (endMs <= hold.fromMs) continue
    inside = inside.filter((one) => one.endMs > hold.fromMs)
    inside.push({ hold, endMs })
    if (inside.length <= room) continue
    const all = room === 1 ? 'two holders' : `${inside.length} holders, where ${room} have room,`
    const bothMs = Math.min(...inside.map((one) => one.endMs)) - hold.fromMs
    const what = `${gate} had ${all} for ${bothMs.toFixed(3)} ms`
    found.push({ what, witness: inside.map((one) => one.hold) })
  }
  return found
}

/**
 * As those of locks are judged. When a job asked nobody wrote down: it was let in just before it began, or
 * before a pause.
 *
 * @param {History} history
 * @param {Hold} hold
 * @returns {import('../locks/history.js').Hold[]}
 */
function fenced(history, { who, gate, fence, invokedMs, fromMs, toMs }) {
  if (fence === null) return []
  const askedMs = pauseAround(history, who, fromMs)?.fromMs ?? fromMs
  const hold = { who, number: 0, name: gate, fence, atMs: fromMs, validUntilMs: toMs }
  return [{ ...hold, invokedMs: invokedMs ?? askedMs - UNSEEN_MS }]
}
