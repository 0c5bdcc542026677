// @ts-check
// What a power cut may take with it, by how careful the store was told to be.

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Step} Step
 * @typedef {import('./history.js').Level} Level
 * @typedef {import('./history.js').Violation} Violation
 */

/** The file is synced once a second, and that may wait for the one before. */
const SECONDS_MS = 2_000
/** Between the cut and the last answer that came before it. */
const SLACK_MS = 250

/** @param {History} history @param {Level} level @returns {Violation[]} */
export function check(history, level) {
  const { steps, cutMs, found } = history
  const asked = new Set(steps.map(({ key }) => key))
  const lost = listLost(history)
  /** @type {Violation[]} */
  const violations = found
    .filter((key) => !asked.has(key))
    .map((key) => ({ what: `job ${key} is there, and nobody added it`, witness: [] }))
  if (new Set(found).size < found.length) {
    violations.push({ what: 'a job is there twice', witness: [] })
  }
  const tooMuch = lost.filter(
    ({ op, toldMs = 0 }) =>
      level === 'nothing' ||
      (level === 'acks' && op === 'add') ||
      (level === 'seconds' && toldMs < cutMs - SECONDS_MS - SLACK_MS),
  )
  for (const step of tooMuch) {
    const ageMs = Math.round(cutMs - (step.toldMs ?? 0))
    const what = `the ${step.op} of ${step.key} was answered ${ageMs} ms before the cut, and is lost`
    violations.push({ what, witness: [step] })
  }
  const [first] = lost
  if (!first) return violations
  const there = new Set(found)
  const later = steps.slice(steps.indexOf(first) + 1)
  const kept = later.find(({ op, key }) => op === 'add' && there.has(key))
  if (kept) {
    const what = `the ${first.op} of ${first.key} is lost, and a later add is not`
    violations.push({ what, witness: [first, kept] })
  }
  return violations
}

/**
 * Answered, and undone: jobs that are not there and were not acknowledged, and jobs that are though
 * they were. The first of those that are missing may be in flight.
 *
 * @param {History} history
 */
export function listLost({ steps, found, inFlight }) {
  const there = new Set(found)
  const acks = steps.filter(({ op, key }) => op === 'ack' && !there.has(key))
  const acked = new Set(acks.map(({ key }) => key))
  let unseen = Math.max(0, inFlight - acks.filter(({ toldMs }) => toldMs === undefined).length)
  return steps.filter(({ op, key, toldMs }) => {
    if (toldMs === undefined) return false
    if (op === 'ack') return there.has(key)
    return !there.has(key) && !acked.has(key) && unseen-- <= 0
  })
}
