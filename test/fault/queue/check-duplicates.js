// @ts-check
// A job is delivered again after it failed. Any other time it was in flight in a place that a fault
// hit: so there are no more of these than deliveries in flight there, and each has its fault.
import { ALL } from './history.js'
import { LEASE_MS, placeOf } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Delivery} Delivery
 * @typedef {import('./history.js').Fault} Fault
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./check.js').Trace} Trace
 */

const never = Number.POSITIVE_INFINITY
/** From the end of a handler until the engine has answered to it, where many processes share few cores. */
const ANSWER_MS = 1_000
/** Until everybody is connected after a fault. */
const RESUME_MS = 5_000

/** @param {Pick<History, 'faults'>} history @param {readonly Trace[]} traces */
function listDuplicates({ faults }, traces) {
  // What hit this place alone explains more than what hit all of them.
  const ofPlaces = faults.filter(({ hit }) => hit !== ALL)
  const ofAll = faults.filter(({ hit }) => hit === ALL)
  const explain = (/** @type {Delivery} */ before) =>
    [...ofPlaces, ...ofAll].find((fault) => hits(fault, before))
  return traces.flatMap(({ key, deliveries }) =>
    deliveries.flatMap((again, index) => {
      const before = deliveries[index - 1]
      const isRetried = before && again.attempt > before.attempt
      if (!before || isRetried) return []
      return [{ key, before, again, fault: explain(before) }]
    }),
  )
}

/**
 * Whether a delivery was in flight in a place that the fault hit. What a handler has ended is in
 * flight until the engine has answered.
 *
 * @param {Fault} fault
 * @param {Delivery} delivery
 */
export function hits({ hit, fromMs, toMs }, { who, beganMs, endedMs = never }) {
  const isThere = hit === ALL || hit === who || hit === placeOf(who)
  return isThere && beganMs <= toMs + RESUME_MS && endedMs + ANSWER_MS >= fromMs
}

/** Whether its place stood still for a lease, and it began soon after that. @param {Pick<History, 'faults'>} history @param {Delivery} delivery */
const wasHeldUp = ({ faults }, delivery) =>
  faults.some(
    (fault) =>
      fault.toMs - fault.fromMs >= LEASE_MS.worked &&
      delivery.beganMs >= fault.fromMs &&
      hits(fault, delivery),
  )

/** @param {Pick<History, 'faults'>} history @param {readonly Trace[]} traces @returns {Violation[]} */
export function checkDuplicates(history, traces) {
  return listDuplicates(history, traces).flatMap(({ key, before, again, fault }) => {
    const witness = [before, again]
    if (!fault) {
      return [{ what: `job ${key} was delivered again, and no fault explains it`, witness }]
    }
    // Two at once are what a lease that ran out does: it took its time. Who stood still for so long after a claim
    // begins late what somebody else was given meanwhile.
    const isTooSoon = again.beganMs < before.beganMs && !wasHeldUp(history, before)
    return isTooSoon
      ? [{ what: `job ${key} was delivered again before it was delivered`, witness }]
      : []
  })
}

/** For the report. @param {Pick<History, 'faults' | 'deliveries'>} history @param {readonly Trace[]} traces */
export function measureDuplicates({ faults, deliveries }, traces) {
  const duplicates = listDuplicates({ faults }, traces)
  const ofAll = duplicates.filter(({ fault }) => fault?.hit === ALL).length
  return {
    duplicates: duplicates.length,
    duplicatesByFaultsOfAll: ofAll,
    inFlightAtFaults: deliveries.filter((one) => faults.some((fault) => hits(fault, one))).length,
  }
}
