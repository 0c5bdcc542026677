// @ts-check
// No window of time has more units than its rule allows.
import { groupBy } from '../outcomes/history.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Admission} Admission
 * @typedef {import('./history.js').Step} Step
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./plan.js').LimitPlan} LimitPlan
 */

/** Times are written down in whole microseconds. */
const ROUNDED_MS = 0.002

/** @param {History} history @param {readonly LimitPlan[]} plans @returns {Violation[]} */
export function checkWindows({ admissions, steps }, plans) {
  /** @type {Violation[]} */
  const found = []
  for (const same of groupBy(admissions, ({ plan, key }) => `${plan}/${key}`).values()) {
    const plan = plans[same[0]?.plan ?? 0]
    const over = plan && worstWindow(same, steps, plan)
    if (!over) continue
    const { units, windowMs, allowed, witness } = over
    const what = `${plan.name}/key-${same[0]?.key} admitted ${units} units within ${windowMs.toFixed(3)} ms, where ${allowed} are allowed`
    found.push({ what, witness })
  }
  return found
}

/**
 * The window of one key that is most over its bound. When an admission came to pass is known to lie
 * between its question and its answer: it is in a window for sure when both are.
 *
 * @param {readonly Admission[]} admissions @param {readonly Step[]} steps @param {LimitPlan} plan
 */
function worstWindow(admissions, steps, plan) {
  const byStart = [...admissions].sort((a, b) => a.sentMs - b.sentMs)
  const byEnd = [...admissions].sort((a, b) => a.atMs - b.atMs)
  let worst
  let first = 0
  for (const { sentMs: fromMs } of byStart) {
    while ((byEnd[first]?.atMs ?? Number.POSITIVE_INFINITY) < fromMs) first++
    let units = 0
    for (let index = first; index < byEnd.length; index++) {
      const one = byEnd[index]
      if (one === undefined || one.atMs - fromMs >= plan.longestMs) break
      if (one.sentMs < fromMs) continue
      units += one.units
      const windowMs = one.atMs - fromMs + ROUNDED_MS
      const bound = Math.floor(plan.bound(windowMs))
      if (units <= bound) continue
      const stepped = steps.filter((step) => step.fromMs <= one.atMs && step.toMs >= fromMs).length
      const allowed = bound + stepped * plan.ofStepUnits
      if (units - allowed <= (worst?.over ?? 0)) continue
      worst = { over: units - allowed, fromMs, toMs: one.atMs, units, windowMs, allowed }
    }
  }
  if (worst === undefined) return undefined
  const { fromMs, toMs } = worst
  const witness = byEnd.filter(({ sentMs, atMs }) => sentMs >= fromMs && atMs <= toMs)
  return { ...worst, witness }
}
