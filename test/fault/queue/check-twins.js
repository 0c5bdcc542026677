// @ts-check
// Of all adds under one id one makes the job, whoever says them.
import { groupBy } from '../outcomes/history.js'

/**
 * @typedef {import('./history.js').Add} Add
 * @typedef {import('./history.js').Violation} Violation
 */

/** @param {readonly Add[]} adds @returns {Violation[]} */
export function checkTwins(adds) {
  // They add one job each.
  const twins = groupBy(
    adds.filter(({ keys }) => keys.length === 1),
    ({ keys }) => `${keys[0]}`,
  )
  return [...twins].flatMap(([key, calls]) => {
    const answered = calls.filter(({ end }) => end === 'ok')
    const unanswered = calls.filter(({ end }) => end === 'unknown')
    const makers = answered.filter(({ isNew }) => isNew?.[0])
    if (makers.length > 1) {
      return [{ what: `${makers.length} adds were told to have made job ${key}`, witness: makers }]
    }
    const isOrphan = answered.length > 0 && makers.length === 0 && unanswered.length === 0
    return isOrphan ? [{ what: `no add has made job ${key}`, witness: calls }] : []
  })
}
