// @ts-check
// What our own figures must be. Those of others are shown, not judged.

/**
 * @typedef {import('./measure.js').Figures} Figures
 * @typedef {import('./systems.js').System} System
 * @typedef {import('../outages/cells.js').Cell} Cell
 */

/** The default of `commandTimeout`, what the lock may wait besides, and what a promise may take on top. */
const COMMAND_TIMEOUT_MS = 2_000
const WAIT_MS = 3_000
const GRACE_MS = 250
const TELL_WITHIN_MS = 2_000

/** @param {Cell} cell @param {System} system @param {Figures} figures @returns {string[]} */
export function judgeOurs({ kind, topology, lengthMs }, system, figures) {
  const { tells, loses, resumeWithinMs } = kind.expects(topology)
  const slowestMs = figures.slowestMs ?? 0
  const graceMs = GRACE_MS + figures.stalledMs
  const allowedMs = COMMAND_TIMEOUT_MS + (system.kind === 'lock' ? WAIT_MS : 0)
  const mustTell = tells === 'always' || (tells === 'whenLong' && lengthMs > TELL_WITHIN_MS)
  /** @param {string} what @param {number | null} ms */
  const again = (what, ms) =>
    ms !== null && ms <= resumeWithinMs
      ? []
      : [`resume: ${what} ${ms === null ? 'never' : `after ${Math.round(ms)} ms`}`]
  /** @param {keyof Figures} name */
  const none = (name) => (figures[name] === 0 ? [] : [`${name}: ${figures[name]}`])
  return [
    ...none('unsettled'),
    ...(slowestMs <= allowedMs + graceMs
      ? []
      : [`deadline: ${Math.round(slowestMs)} ms instead of ${allowedMs}`]),
    ...again('calls worked', figures.callsAgainMs),
    ...(system.kind === 'limiter' ? again('takes counted', figures.storedAgainMs) : []),
    ...(system.kind === 'queue' ? again('jobs were done', figures.jobsAgainMs) : []),
    ...(mustTell && (figures.toldMs === null || figures.toldMs > TELL_WITHIN_MS + graceMs)
      ? [`silent: told ${figures.toldMs === null ? 'never' : `after ${figures.toldMs} ms`}`]
      : []),
    ...none('twice'),
    ...(loses === 'none' ? [...none('lost'), ...none('stuck'), ...none('overlaps')] : []),
    ...none('expired'),
    ...none('strays'),
  ]
}
