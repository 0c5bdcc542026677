// @ts-check
// Limits: never more than the rule allows, and each unit is charged once or not at all, as told.
import { groupBy } from './history.js'
import { onlyFills } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./store.js').Charge} Charge
 * @typedef {{name: string, limit: number, perMs: number}} LimiterPlan
 */

/** @param {readonly Call[]} takes */
const unitsOf = (takes) => takes.reduce((sum, { cost = 1 }) => sum + cost, 0)
/** @param {Call} take */
const isAdmitted = ({ end, allowed }) => end === 'ok' && allowed === true
/** Without an answer it may have been admitted. @param {Call} take */
const mayBeAdmitted = (take) => isAdmitted(take) || take.end === 'unknown' || take.end === undefined

/**
 * @param {History} history
 * @param {readonly Charge[]} charges
 * @param {readonly LimiterPlan[]} plans
 * @returns {Violation[]}
 */
export function checkLimits({ calls }, charges, plans) {
  const taken = groupBy(
    calls.filter(({ op }) => op === 'limit'),
    ({ limiter, key }) => `${limiter}/${key}`,
  )
  const charged = new Map(charges.map(({ limiter, key, units }) => [`${limiter}/${key}`, units]))
  const strangers = charges.filter(({ limiter, key }) => !taken.has(`${limiter}/${key}`))
  return [
    ...strangers.map((charge) => ({
      what: 'a key was charged that nobody took',
      witness: [charge],
    })),
    ...[...taken].flatMap(([name, takes]) => {
      const plan = plans.find(({ name: limiter }) => limiter === takes[0]?.limiter)
      if (!plan) return []
      const counted = onlyFills(plan) ? checkCharge(name, takes, charged.get(name) ?? 0, plan) : []
      return [...counted, ...checkWindows(name, takes, plan)]
    }),
  ]
}

/** @param {string} name @param {Call[]} takes @param {number} units @param {LimiterPlan} plan @returns {Violation[]} */
function checkCharge(name, takes, units, { limit }) {
  const admitted = takes.filter(isAdmitted)
  const open = takes.filter((take) => mayBeAdmitted(take) && !isAdmitted(take))
  const [least, most] = [unitsOf(admitted), unitsOf(admitted) + unitsOf(open)]
  /** @type {Violation[]} */
  const found = []
  const counts = { admitted: least, unknown: most - least, stored: units }
  if (units < least) {
    found.push({
      what: `${name} admitted ${least} units, and ${units} are charged`,
      witness: [counts],
    })
  }
  if (units > most) {
    const told = takes.filter(({ end }) => end === 'fail')
    const what = `${name} is charged ${units} units, and at most ${most} were told to be taken`
    found.push({ what, witness: [counts, ...told.slice(0, 4)] })
  }
  const remains = groupBy(admitted, ({ remaining }) => String(remaining))
  for (const same of remains.values()) {
    const what = `two takes of ${name} left the same units behind`
    if (same.length > 1) found.push({ what, witness: same })
  }
  return [...found, ...checkRefusals(name, takes, limit)]
}

/** A refusal needs enough other takes that may have come first. @param {string} name @param {Call[]} takes @param {number} limit @returns {Violation[]} */
function checkRefusals(name, takes, limit) {
  const refusals = takes.filter(({ end, allowed }) => end === 'ok' && allowed === false)
  return refusals.flatMap((refusal) => {
    const before = takes.filter(
      (take) => mayBeAdmitted(take) && take.invokedMs < (refusal.endedMs ?? 0),
    )
    const most = unitsOf(before)
    if (most + (refusal.cost ?? 1) > limit) return []
    const what = `${name} refused a take, and at most ${most} of its ${limit} units were taken`
    return [{ what, witness: [refusal] }]
  })
}

/** Admitted within a window for sure: asked and answered in it. @param {string} name @param {Call[]} takes @param {LimiterPlan} plan @returns {Violation[]} */
function checkWindows(name, takes, { limit, perMs }) {
  const admitted = takes.filter(isAdmitted).sort((a, b) => a.invokedMs - b.invokedMs)
  for (const [index, first] of admitted.entries()) {
    const within = []
    for (let next = index; next < admitted.length; next++) {
      const take = admitted[next]
      if (!take || take.invokedMs >= first.invokedMs + perMs) break
      if ((take.endedMs ?? 0) < first.invokedMs + perMs) within.push(take)
    }
    const units = unitsOf(within)
    if (units <= limit) continue
    const what = `${name} admitted ${units} units within ${perMs} ms, where ${limit} are allowed`
    return [{ what, witness: within.slice(0, limit + 1) }]
  }
  return []
}
