// @ts-check
// Each slot of a schedule has at most one job, as two would have two ids; and from the first slot to the
// last one none is missed, where that is promised.
import { slotOf } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Scheduled} Scheduled
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./check.js').Trace} Trace
 */

/** @param {Pick<History, 'schedules'>} history @param {readonly Trace[]} traces @returns {Violation[]} */
export function checkSlots({ schedules }, traces) {
  const slots = traces.flatMap(({ key }) => slotOf(key) ?? [])
  return schedules.flatMap((schedule) => {
    const { name, isMoving } = schedule
    const times = new Set(
      slots.filter((slot) => slot.schedule === name).map(({ slotAtMs }) => inUs(slotAtMs)),
    )
    const missed = listMissed(schedule, times)
    return [
      ...(isMoving ? [] : [{ what: `schedule ${name} stands still`, witness: [schedule] }]),
      ...(missed.length === 0
        ? []
        : [
            {
              what: `${missed.length} slots of ${name} had no job`,
              witness: [schedule, { missed }],
            },
          ]),
    ]
  })
}

/** Engines count them so; sums of milliseconds are not exact. @param {number} ms */
const inUs = (ms) => Math.round(ms * 1_000)

/** @param {Scheduled} schedule @param {Set<number>} times @returns {number[]} */
function listMissed({ everyMs, firstAtMs, lastAtMs }, times) {
  if (everyMs === null || lastAtMs === null) return []
  const count = Math.round((lastAtMs - firstAtMs) / everyMs) + 1
  const due = Array.from({ length: count }, (_, index) => firstAtMs + index * everyMs)
  return due.filter((slotAtMs) => !times.has(inUs(slotAtMs)))
}
