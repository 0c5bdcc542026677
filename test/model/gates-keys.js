// @ts-check
// States of the model of gates as text.
import { GATES, HELD, JOBS, WORKERS } from './gates-state.js'

/** @typedef {import('./gates-state.js').State} State */

/** The same for states that differ in which of the two workers is which. @param {State} state */
export function keyOf(state) {
  const [one, other] = [spell(state, 0), spell(state, 1)]
  return one < other ? one : other
}

/** @param {State} state @param {number} swapped 1: as if the workers had changed names */
function spell(state, swapped) {
  const { places, phases, passes, keeping, calls, alive, keepers, holders, news, lines } = state
  const { late, left } = state
  const all = [state.problem === null ? 0 : 1, state.plain]
  all.push(left.plain, left.crashes, left.pauses, left.losses, left.repeats)
  for (const place of places) all.push(place >= HELD ? HELD + ((place - HELD) ^ swapped) : place)
  for (const index of WORKERS) {
    const worker = index ^ swapped
    all.push(alive[worker] ? 1 : 0)
    for (let at = worker * JOBS.length; at < (worker + 1) * JOBS.length; at++) {
      all.push((phases[at] ?? 0) * 4 + (passes[at] ?? 0))
    }
    for (let at = worker * GATES.length; at < (worker + 1) * GATES.length; at++) {
      all.push((keeping[at] ?? 0) * 8 + (calls[at] ?? 0))
    }
  }
  for (const gate of GATES) {
    const line = lines[gate] ?? []
    all.push(keeperOf(keepers[gate] ?? 0, swapped), news[gate] ?? 0, line.length)
    all.push(nameOf(holders[gate] ?? 0, swapped))
    for (const owner of line) all.push(nameOf(owner, swapped))
  }
  if (late) {
    const place = late.place >= HELD ? HELD + ((late.place - HELD) ^ swapped) : late.place
    all.push(late.job, late.gate, place, keeperOf(late.keeper, swapped))
  }
  return String.fromCharCode(...all)
}

/** @param {number} owner @param {number} swapped */
const nameOf = (owner, swapped) => (owner < 16 ? owner ^ (swapped * 8) : owner)
/** @param {number} keeper @param {number} swapped */
const keeperOf = (keeper, swapped) =>
  keeper === 1 || keeper === 2 ? ((keeper - 1) ^ swapped) + 1 : keeper
