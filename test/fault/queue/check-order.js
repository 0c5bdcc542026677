// @ts-check
// Jobs of a key run one after the other, in the order in which they were added. Fences say who was
// claimed first, also where a process wrote down late that it began.
import { groupBy } from '../outcomes/history.js'

/**
 * @typedef {import('./history.js').Delivery} Delivery
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./check.js').Trace} Trace
 */

/** @param {readonly Trace[]} traces in the order of adding @returns {Violation[]} */
export function checkOrder(traces) {
  // Of an add that nobody answered there may be jobs or not: those that ran are there.
  const ran = traces.filter(({ add, deliveries }) => add?.strand && deliveries.length > 0)
  const strands = groupBy(ran, ({ add }) => `${add?.queue} ${add?.strand}`)
  return [...strands.values()].flatMap((strand) =>
    strand
      .slice(1)
      .flatMap((after, index) => checkPair(/** @type {Trace} */ (strand[index]), after)),
  )
}

/** @param {Trace} before @param {Trace} after @returns {Violation[]} */
function checkPair(before, after) {
  const [last, first] = [before.deliveries.at(-1), after.deliveries[0]]
  if (!last || !first) return []
  const witness = [last, first]
  const jobs = `job ${before.key} of key ${before.add?.strand}`
  if (last.fence >= first.fence) {
    return [{ what: `${jobs} was delivered after ${after.key}, which is behind it`, witness }]
  }
  // A dead one may have ended without anybody's word: its time was over, or its worker crashed.
  if (before.dead.length > 0 || isOver(last, first)) return []
  return [{ what: `${jobs} had not ended when ${after.key} began, which is behind it`, witness }]
}

/** @param {Delivery} last @param {Delivery} next */
const isOver = ({ how, endedMs }, next) =>
  how === 'done' && endedMs !== undefined && endedMs <= next.beganMs
