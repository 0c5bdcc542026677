// @ts-check
// What the history of a cell must show. Pure functions: the same history, the same violations.
import { checkLeases, checkQueues, checkTakes } from './checks-effects.js'

/**
 * @typedef {import('./history.js').Line} Line
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').EventLine} EventLine
 * @typedef {import('./kinds.js').Expectation} Expectation
 *
 * @typedef {object} Trial a history, and what was done to its servers
 * @property {readonly Line[]} history
 * @property {Expectation} expectation
 * @property {number} lengthMs
 * @property {number} beginMs when the outage began
 * @property {number} healedMs when it was over
 *
 * @typedef {object} Verdict
 * @property {number} operations
 * @property {number | null} resumedMs from healing until everything has worked again
 * @property {number | null} toldMs from the beginning until both busy clients had told
 * @property {number} overMs how far the latest call was beyond its deadline; negative before it
 * @property {string[]} violations
 */

/** What a promise may take beyond its deadline. */
export const GRACE_MS = 250
export const TELL_WITHIN_MS = 2_000
/** Of an idle client: 0.7 s, the 0.15 s of its watch, and the way there and back. */
const IDLE_ASKS_WITHIN_MS = 950
export const CLOSE_WITHIN_MS = 5_000
const HEAP_GROWTH_BYTES = 12 << 20
/** Errors of the engine say whether the operation took effect. */
const ENGINE_CODES = /^SLUICE_(?:ENGINE_UNAVAILABLE|STORE_FULL|STORE_CORRUPT|INTERNAL)$/
const BUSY = ['a', 'b']

/** @template {Line['line']} Name @param {readonly Line[]} history @param {Name} name */
export const linesOf = (history, name) =>
  /** @type {Extract<Line, {line: Name}>[]} */ (history.filter(({ line }) => line === name))

/** @param {Trial} trial @returns {Verdict} */
export function judge(trial) {
  const calls = linesOf(trial.history, 'call')
  const overs = calls.map(lateness)
  const resumed = findResumption(trial)
  return {
    operations: calls.length + linesOf(trial.history, 'delivery').length,
    resumedMs: resumed.ms,
    toldMs: tellingMs(trial),
    overMs: Math.max(...overs, Number.NEGATIVE_INFINITY),
    violations: [
      ...checkDeadlines(calls),
      ...checkEvents(trial),
      ...resumed.violations,
      ...checkErrors(calls, trial.expectation.garbles === true),
      ...checkQueues(trial),
      ...checkLeases(trial),
      ...checkTakes(trial),
      ...checkHygiene(trial.history),
    ],
  }
}

/**
 * One violation for each way in which it went wrong, with how often it did.
 *
 * @param {readonly string[]} violations such as `deadline: …`
 */
export function shorten(violations) {
  /** @type {Map<string, {first: string, count: number}>} */
  const groups = new Map()
  for (const violation of violations) {
    // What differs are numbers and names of jobs and servers.
    const way = violation.replace(/[\w.:-]*\d[\w.:-]*/g, '').slice(0, 100)
    const group = groups.get(way) ?? { first: violation, count: 0 }
    group.count += 1
    groups.set(way, group)
  }
  return [...groups.values()].map(({ first, count }) =>
    count > 1 ? `${first} (${count} such)` : first,
  )
}

/** How far beyond its deadline a call settled, apart from what its own process held up. @param {Call} call */
const lateness = ({ startMs, endMs, allowedMs, stalledMs }) =>
  endMs === null ? Number.POSITIVE_INFINITY : endMs - startMs - allowedMs - stalledMs

/** @param {Call} call */
const describeCall = ({ op, by, failure }) =>
  `${op} by ${by}${failure ? `, ${failure.name}: ${failure.message}` : ''}`

/** @param {readonly Call[]} calls */
function checkDeadlines(calls) {
  return calls
    .filter((call) => lateness(call) > GRACE_MS)
    .map((call) => {
      const { startMs, endMs, allowedMs } = call
      const took = endMs === null ? 'never settled' : `took ${Math.round(endMs - startMs)} ms`
      return `deadline: ${took} instead of ${allowedMs}: ${describeCall(call)}`
    })
}

/** @param {readonly Call[]} calls @param {boolean} garbles */
function checkErrors(calls, garbles) {
  return calls.flatMap((call) => {
    const { failure } = call
    if (failure === undefined) return []
    const { isSluice, code = '', retryable, outcome } = failure
    if (!isSluice) return [`error: no SluiceError: ${describeCall(call)}`]
    if (!code.startsWith('SLUICE_') || typeof retryable !== 'boolean') {
      return [`error: without code or retryable: ${describeCall(call)}`]
    }
    // Random bytes may happen to be an answer, which nobody can explain.
    if (code === 'SLUICE_INTERNAL' && !garbles) return [`error: internal: ${describeCall(call)}`]
    if (ENGINE_CODES.test(code) && outcome !== 'not-applied' && outcome !== 'unknown') {
      return [`error: an engine error without outcome: ${describeCall(call)}`]
    }
    return []
  })
}

/** @param {Trial} trial @param {string} by */
function firstTold({ history, beginMs }, by) {
  const events = linesOf(history, 'event')
  return events.find(
    (event) => event.by === by && event.name === 'unavailable' && event.atMs >= beginMs,
  )
}

/** How long the program itself stood still. @param {readonly Line[]} history @param {number} fromMs @param {number} untilMs */
function stalledMs(history, fromMs, untilMs) {
  const overlaps = linesOf(history, 'stall').map((stall) =>
    Math.max(0, Math.min(stall.untilMs, untilMs) - Math.max(stall.fromMs, fromMs)),
  )
  return overlaps.reduce((sum, overlap) => sum + overlap, 0)
}

/** @param {Trial} trial */
function tellingMs(trial) {
  const told = BUSY.map((by) => firstTold(trial, by)?.atMs)
  if (told.includes(undefined)) return null
  return Math.max(...told.map((atMs) => (atMs ?? 0) - trial.beginMs))
}

/** @param {Trial} trial */
function checkEvents(trial) {
  const { expectation, lengthMs, beginMs, healedMs, history } = trial
  const { tells, tellsIdle, loses, resumeWithinMs } = expectation
  const mustTell = tells === 'always' || (tells === 'whenLong' && lengthMs > TELL_WITHIN_MS)
  // It asks by a PING of its own, and of some outages nothing is left when they are over.
  const hadTime = healedMs - beginMs - stalledMs(history, beginMs, healedMs) >= IDLE_ASKS_WITHIN_MS
  const mustTellIdle = tellsIdle && hadTime
  const events = linesOf(history, 'event')
  const violations = []
  for (const by of mustTellIdle ? [...BUSY, 'idle'] : BUSY) {
    const told = firstTold(trial, by)
    const afterMs =
      told === undefined
        ? Number.POSITIVE_INFINITY
        : told.atMs - beginMs - stalledMs(history, beginMs, told.atMs)
    if (!mustTell || afterMs <= TELL_WITHIN_MS) continue
    const when = told === undefined ? 'never' : `after ${Math.round(afterMs)} ms`
    violations.push(`silent: 'unavailable' was told ${when} by ${by}`)
  }
  for (const by of [...BUSY, 'idle']) {
    const own = events.filter((event) => event.by === by && event.name !== 'reset')
    const atHealing = own.findLast(({ atMs }) => atMs <= healedMs)
    const back = own.find(({ name, atMs }) => name === 'available' && atMs > healedMs)
    if (own.at(-1)?.name === 'unavailable' || (atHealing?.name === 'unavailable' && !back)) {
      violations.push(`silent: 'available' was not told at last by ${by}`)
    } else if (atHealing?.name === 'unavailable' && back) {
      const lateMs = back.atMs - healedMs
      if (lateMs <= resumeWithinMs) continue
      violations.push(`silent: 'available' was told after ${Math.round(lateMs)} ms by ${by}`)
    }
  }
  const resets = events.filter(({ name }) => name === 'reset')
  if (loses === 'none' && resets.length > 0) {
    violations.push(`reset: told by ${resets[0]?.by} though nothing was lost`)
  }
  for (const by of loses === 'all' ? BUSY : []) {
    if (resets.every((event) => event.by !== by)) violations.push(`reset: not told by ${by}`)
  }
  return violations
}

/** When everything worked again, each in what was asked for after healing. @param {Trial} trial */
function findResumption({ history, healedMs, expectation: { resumeWithinMs } }) {
  const calls = linesOf(history, 'call')
  const deliveries = linesOf(history, 'delivery')
  const later = calls.filter(
    ({ startMs, failure, endMs }) => startMs >= healedMs && endMs !== null && !failure,
  )
  /** @param {(call: Call) => boolean} isOne */
  const firstCall = (isOne) => later.find(isOne)?.endMs
  // Also those of which the end is not known: it works if they are delivered.
  const added = new Set(
    calls
      .filter(({ op, startMs }) => op.startsWith('queue.add') && startMs >= healedMs)
      .flatMap(({ payloads = [] }) => payloads),
  )
  /** @param {string} queue */
  const firstJob = (queue) =>
    deliveries.find((one) => one.queue === queue && added.has(one.payload))?.atMs
  const firsts = {
    'a lock was granted': Math.min(
      ...linesOf(history, 'lease')
        .filter(({ askedMs }) => askedMs >= healedMs)
        .map(({ gotMs }) => gotMs),
    ),
    'a limiter answered': firstCall(({ op }) => op === 'limiter.take'),
    'a job was worked on': firstJob('work'),
    'a job was taken': firstJob('pulled'),
    'the idle worker got a job': firstJob('idle-worked'),
    'the idle taker got a job': firstJob('idle-taken'),
  }
  const times = Object.entries(firsts).map(([what, atMs]) => ({
    what,
    ms: (atMs ?? Number.POSITIVE_INFINITY) - healedMs,
  }))
  const late = times.filter(({ ms }) => ms > resumeWithinMs)
  const worstMs = Math.max(...times.map(({ ms }) => ms))
  return {
    ms: Number.isFinite(worstMs) ? worstMs : null,
    violations: late.map(({ what, ms }) =>
      Number.isFinite(ms)
        ? `resume: ${what} only ${Math.round(ms)} ms after healing`
        : `resume: ${what}: not so`,
    ),
  }
}

/** @param {readonly Line[]} history */
function checkHygiene(history) {
  const strays = linesOf(history, 'stray').map(({ what }) => `stray: ${what}`)
  const [hygiene] = linesOf(history, 'hygiene')
  if (hygiene === undefined) return [...strays, 'hygiene: the program did not come to its end']
  const { closeMs, handlesBefore, handlesAfter, heapBeforeBytes, heapAfterBytes } = hygiene
  const violations = [...strays, ...hygiene.healthLies.map((lie) => `health: ${lie}`)]
  if (closeMs > CLOSE_WITHIN_MS) violations.push(`hygiene: close() took ${Math.round(closeMs)} ms`)
  if (String(handlesBefore) !== String(handlesAfter)) {
    violations.push(`hygiene: handles left: ${handlesAfter} instead of ${handlesBefore}`)
  }
  const grownBytes = heapAfterBytes - heapBeforeBytes
  if (grownBytes > HEAP_GROWTH_BYTES) {
    violations.push(`hygiene: the heap grew by ${(grownBytes / 1048576).toFixed(1)} MiB`)
  }
  return violations
}
