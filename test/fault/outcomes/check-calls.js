// @ts-check
// Every call settles in time, and what it is rejected with says what it is.

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').Violation} Violation
 */

const GRACE_MS = 250

/** What each call may be rejected with, where the server works and its connections do not. @type {Record<string, readonly string[]>} */
const EXPECTED = {
  acquire: ['SLUICE_LOCK_TIMEOUT'],
  extend: ['SLUICE_LOCK_LOST'],
  ack: ['SLUICE_STALE_DELIVERY'],
  retry: ['SLUICE_STALE_DELIVERY'],
  fail: ['SLUICE_STALE_DELIVERY'],
}

/** @param {History} history @returns {Violation[]} */
export function checkCalls({ calls, crashes }) {
  return [
    ...calls.flatMap(checkCall),
    ...crashes.map((crash) => ({ what: 'an error reached no caller', witness: [crash] })),
  ]
}

/** @param {Call} call @returns {Violation[]} */
function checkCall({ keys, ids, ...call }) {
  const { op, end, code = '', outcome, message = '', stalledMs = 0, withinMs } = call
  const witness = [{ ...call, jobs: keys?.length }]
  if (end === undefined) return [{ what: `${op} never settled`, witness }]
  /** @type {Violation[]} */
  const found = []
  const tookMs = (call.endedMs ?? 0) - call.invokedMs - stalledMs
  if (tookMs > withinMs + GRACE_MS) {
    const what = `${op} settled after ${Math.round(tookMs)} ms, where its deadline is ${withinMs} ms`
    found.push({ what, witness })
  }
  if (end === 'ok') return found
  const isOutage = code === 'SLUICE_ENGINE_UNAVAILABLE'
  if (!isOutage && !EXPECTED[op]?.includes(code)) {
    found.push({ what: `${op} was rejected with ${code || message}`, witness })
  }
  if (isOutage && outcome !== 'unknown' && outcome !== 'not-applied') {
    found.push({ what: `${op} was rejected without an outcome`, witness })
  }
  return found
}
