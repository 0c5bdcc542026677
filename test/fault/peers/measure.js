// @ts-check
// What the records of one trial say. Pure functions, and the same for every system.

/**
 * @typedef {import('./records.js').PeerRecord} PeerRecord
 * @typedef {import('./records.js').CallRecord} CallRecord
 *
 * @typedef {object} Outage
 * @property {number} beginMs
 * @property {number} healedMs
 *
 * @typedef {object} Figures
 * @property {number} operations
 * @property {number | null} slowestMs the slowest call that settled, of those that met the outage
 * @property {number} met how many calls met the outage
 * @property {number} failed how many of them were rejected
 * @property {number} unsettled of those begun before healing, how many were open 30 s after it
 * @property {number | null} callsAgainMs from healing to the first success of a call begun after it
 * @property {number | null} jobsAgainMs the same for a job that was added after it; null too without a queue
 * @property {number | null} storedAgainMs the same for a take that the server counted; null too without a limiter
 * @property {number} lastJobMs from healing until the last job of before was done
 * @property {number | null} toldMs from the beginning to the first error or event; null when silent
 * @property {string} toldBy
 * @property {number} twice effects that a single call had twice
 * @property {number} lost acknowledged, neither done nor held by the server
 * @property {number} stuck acknowledged, and still held by the server in the end
 * @property {number} again jobs that were delivered again
 * @property {number} expired leases granted when their time was over, by what they say themselves
 * @property {number} overlaps leases granted while another holder had the name
 * @property {number} strays rejections and exceptions that nobody handled
 * @property {number} stalledMs the longest that the program's own event loop stood still
 */

/** So long after healing a call that is still open counts as one that never settles. */
const SETTLE_WITHIN_MS = 30_000

/** @template {PeerRecord['line']} Name @param {readonly PeerRecord[]} records @param {Name} name */
const linesOf = (records, name) =>
  /** @type {Extract<PeerRecord, {line: Name}>[]} */ (records.filter(({ line }) => line === name))

/** @param {readonly number[]} times @param {number} sinceMs */
const firstSince = (times, sinceMs) => (times.length === 0 ? null : Math.min(...times) - sinceMs)

/** @param {readonly PeerRecord[]} records @param {Outage} outage @returns {Figures} */
export function measure(records, { beginMs, healedMs }) {
  const calls = linesOf(records, 'call')
  const jobs = linesOf(records, 'job')
  const affected = calls.filter(
    ({ startMs, endMs }) => startMs < healedMs && (endMs ?? beginMs) >= beginMs,
  )
  const settled = affected.filter(
    ({ endMs }) => endMs !== null && endMs <= healedMs + SETTLE_WITHIN_MS,
  )
  const told = firstTold(records, calls, beginMs)
  return {
    operations: calls.length + jobs.length,
    slowestMs: slowest(settled),
    met: affected.length,
    failed: affected.filter(({ failure }) => failure !== undefined).length,
    unsettled: affected.length - settled.length,
    callsAgainMs: callsAgain(calls, healedMs),
    storedAgainMs: storedAgain(records, healedMs),
    ...timeJobs(records, healedMs),
    toldMs: told === undefined ? null : told.atMs - beginMs,
    toldBy: told?.what ?? '',
    ...countJobs(records),
    twice: countTwice(records),
    ...countLeases(calls),
    strays: linesOf(records, 'stray').length,
    stalledMs: Math.max(0, ...linesOf(records, 'stall').map(({ lengthMs }) => lengthMs)),
  }
}

/** An event or a failing call, whichever came first. @param {readonly PeerRecord[]} records @param {readonly CallRecord[]} calls @param {number} beginMs */
function firstTold(records, calls, beginMs) {
  const failures = calls.flatMap(({ op, failure, endMs }) =>
    failure === undefined || endMs === null ? [] : [{ atMs: endMs, what: `${op}: ${failure}` }],
  )
  return [...linesOf(records, 'told'), ...failures]
    .filter(({ atMs }) => atMs >= beginMs)
    .sort((x, y) => x.atMs - y.atMs)[0]
}

/** The slowest kind of call counts. @param {readonly CallRecord[]} calls @param {number} healedMs */
function callsAgain(calls, healedMs) {
  const later = calls.filter(({ startMs }) => startMs >= healedMs)
  const firsts = [...new Set(calls.map(({ op }) => op))].map((op) => {
    const times = later.flatMap((one) =>
      one.op === op && one.endMs !== null && one.failure === undefined ? [one.endMs] : [],
    )
    return firstSince(times, healedMs)
  })
  if (firsts.length === 0 || firsts.includes(null)) return null
  return Math.max(...firsts.map((first) => first ?? 0))
}

/** @param {readonly CallRecord[]} settled */
function slowest(settled) {
  const times = settled.map(({ startMs, endMs }) => (endMs ?? startMs) - startMs)
  return times.length === 0 ? null : Math.max(...times)
}

/** What an insurance answers is no limit that others share. @param {readonly PeerRecord[]} records @param {number} healedMs */
function storedAgain(records, healedMs) {
  const counted = new Set(
    linesOf(records, 'charge').flatMap(({ subject, count }) => (count > 0 ? [subject] : [])),
  )
  const times = linesOf(records, 'call').flatMap(({ op, subject, startMs, endMs, failure }) =>
    op === 'take' && startMs >= healedMs && endMs !== null && !failure && counted.has(subject)
      ? [endMs]
      : [],
  )
  return firstSince(times, healedMs)
}

/** @param {readonly PeerRecord[]} records @param {number} healedMs */
function timeJobs(records, healedMs) {
  const earlier = new Set(
    linesOf(records, 'call').flatMap(({ subject, startMs }) =>
      startMs < healedMs ? [subject] : [],
    ),
  )
  const jobs = linesOf(records, 'job').filter(({ atMs }) => atMs >= healedMs)
  const old = jobs.filter(({ payload }) => earlier.has(payload))
  const fresh = jobs.filter(({ payload }) => !earlier.has(payload))
  return {
    jobsAgainMs: firstSince(
      fresh.map(({ atMs }) => atMs),
      healedMs,
    ),
    lastJobMs: Math.max(0, ...old.map(({ atMs }) => atMs - healedMs)),
  }
}

/** @param {readonly PeerRecord[]} records */
function countJobs(records) {
  const jobs = linesOf(records, 'job')
  const done = new Set(jobs.map(({ payload }) => payload))
  const acknowledged = linesOf(records, 'call').filter(
    ({ op, failure, endMs }) => op === 'add' && failure === undefined && endMs !== null,
  )
  const missing = acknowledged.filter(({ subject }) => !done.has(subject)).length
  const stuck = Math.min(missing, linesOf(records, 'left')[0]?.count ?? 0)
  const deliveries = new Set(jobs.map(({ payload, id }) => `${payload} ${id}`))
  return { lost: missing - stuck, stuck, again: jobs.length - deliveries.size }
}

/** Jobs that one add made two of, and takes that the server counted more than once. @param {readonly PeerRecord[]} records */
function countTwice(records) {
  /** @type {Map<string, Set<string>>} */
  const ids = new Map()
  for (const { payload, id } of linesOf(records, 'job')) {
    ids.set(payload, (ids.get(payload) ?? new Set()).add(id))
  }
  const added = [...ids.values()].reduce((sum, { size }) => sum + size - 1, 0)
  const charged = linesOf(records, 'charge').reduce(
    (sum, { count }) => sum + Math.max(0, count - 1),
    0,
  )
  return added + charged
}

/** @param {readonly CallRecord[]} calls */
function countLeases(calls) {
  const granted = calls.flatMap(({ op, subject, endMs, remainingMs }) =>
    op === 'acquire' && endMs !== null && remainingMs !== undefined
      ? [{ subject, fromMs: endMs, untilMs: endMs + remainingMs }]
      : [],
  )
  const releases = calls.filter(({ op }) => op === 'release')
  let overlaps = 0
  for (const lease of granted) {
    const releasedMs = releases
      .filter(({ subject, startMs }) => subject === lease.subject && startMs >= lease.fromMs)
      .map(({ startMs }) => startMs)
    const untilMs = Math.min(lease.untilMs, ...releasedMs)
    const isShared = granted.some(
      ({ subject, fromMs }) =>
        subject === lease.subject && fromMs > lease.fromMs && fromMs < untilMs,
    )
    if (isShared) overlaps += 1
  }
  return { expired: granted.filter(({ fromMs, untilMs }) => untilMs <= fromMs).length, overlaps }
}

const NUMBERS = /** @type {const} */ ([
  ...['operations', 'lastJobMs', 'met', 'failed', 'unsettled', 'twice', 'lost', 'stuck', 'again'],
  ...['expired', 'overlaps', 'strays', 'stalledMs'],
])

/** The worse of both in each figure; what never came is the worst. @param {Figures} x @param {Figures} y @returns {Figures} */
export function worseOf(x, y) {
  /** @param {'callsAgainMs' | 'jobsAgainMs' | 'storedAgainMs' | 'toldMs'} name */
  const later = (name) => {
    const [one, other] = [x[name], y[name]]
    return one === null || other === null ? null : Math.max(one, other)
  }
  const worse = { ...x }
  for (const name of /** @type {(typeof NUMBERS[number] & keyof Figures)[]} */ ([...NUMBERS])) {
    Object.assign(worse, { [name]: Math.max(Number(x[name]), Number(y[name])) })
  }
  worse.operations = x.operations + y.operations
  const isYLater = y.toldMs === null || (x.toldMs !== null && y.toldMs > x.toldMs)
  return {
    ...worse,
    callsAgainMs: later('callsAgainMs'),
    jobsAgainMs: later('jobsAgainMs'),
    storedAgainMs: later('storedAgainMs'),
    // That nothing settled is told by the other figures.
    slowestMs: Math.max(x.slowestMs ?? 0, y.slowestMs ?? 0) || null,
    toldMs: later('toldMs'),
    toldBy: isYLater ? y.toldBy : x.toldBy,
  }
}
