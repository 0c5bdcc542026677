// @ts-check
// Who held what: never two at once within what their leases stated, and each told of its loss in time.
import { groupBy } from '../outcomes/history.js'
import { ttlOf } from './plan.js'
import { lengthOf, without } from './spans.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Hold} Hold
 * @typedef {import('./history.js').Violation} Violation
 */

const never = Number.POSITIVE_INFINITY

/**
 * How long a holder could believe that it holds. Of a process that was killed nothing is known after
 * its last line, and it did nothing any more.
 *
 * @param {History} history
 * @param {Hold} hold
 */
export function endOf({ lives }, { who, validUntilMs, releasingMs = never, toldMs = never }) {
  const life = lives.get(who)
  const lastMs = life?.killedMs === undefined ? never : life.lastMs
  return Math.min(validUntilMs, releasingMs, toldMs, lastMs)
}

/** Whether the server forgot, or lost time, from when it was asked for until its end was known. @param {History} history @param {Hold} hold */
function isExcused(history, hold) {
  const { releasedMs = 0, toldMs = 0 } = hold
  const endMs = Math.max(endOf(history, hold), releasedMs, toldMs)
  return history.faults.some(
    ({ effect, fromMs, toMs }) => effect === 'lossy' && hold.invokedMs <= toMs && endMs >= fromMs,
  )
}

/** @param {History} history @returns {Violation[]} */
export function checkHolds(history) {
  const judged = history.holds.filter((hold) => !isExcused(history, hold))
  const names = groupBy(judged, ({ name }) => name)
  return [
    ...[...names.values()].flatMap((same) => [
      ...checkOverlaps(history, same),
      ...checkReleases(same),
    ]),
    ...judged.flatMap(checkPromise),
    ...history.holds.flatMap((hold) => checkLoss(history, hold)),
  ]
}

/** @param {History} history @param {readonly Hold[]} same @returns {Violation[]} */
function checkOverlaps(history, same) {
  const found = []
  /** @type {{hold: Hold, endMs: number} | undefined} */
  let latest
  for (const hold of same.toSorted((a, b) => a.atMs - b.atMs)) {
    const endMs = endOf(history, hold)
    if (hold.atMs >= endMs) continue
    if (latest && hold.atMs < latest.endMs) {
      const bothMs = Math.min(latest.endMs, endMs) - hold.atMs
      const what = `lock ${hold.name} had two holders for ${bothMs.toFixed(3)} ms`
      found.push({ what, witness: [latest.hold, hold] })
    }
    if (!latest || endMs > latest.endMs) latest = { hold, endMs }
  }
  return found
}

/** Who was told that it released a lock held it until then. @param {readonly Hold[]} same @returns {Violation[]} */
function checkReleases(same) {
  const found = []
  /** Who got the lock last, of all those who had it by then. @type {Hold | undefined} */
  let newest
  const byTime = same.toSorted((a, b) => a.atMs - b.atMs)
  let next = 0
  const released = same.filter(({ answer }) => answer === 'released')
  for (const hold of released.toSorted((a, b) => (a.releasingMs ?? 0) - (b.releasingMs ?? 0))) {
    const { releasingMs = 0 } = hold
    for (; (byTime[next]?.atMs ?? never) < releasingMs; next++) {
      if (!newest || (byTime[next]?.fence ?? 0) > newest.fence) newest = byTime[next]
    }
    // Who asked only after the release of another one was accepted has nothing to do with it.
    if (!newest || newest.fence <= hold.fence || newest.atMs >= releasingMs) continue
    const what = `a release of ${hold.name} was accepted from one that did not hold it any more`
    found.push({ what, witness: [hold, newest] })
  }
  return found
}

/** As long as the server forgets nothing a lease lasts as long as it stated. @param {Hold} hold @returns {Violation[]} */
function checkPromise(hold) {
  const {
    name,
    reason,
    toldMs = never,
    validUntilMs,
    releasingMs,
    releasedMs = never,
    answer,
  } = hold
  const what = `the lease on ${name} was lost before the end that it stated`
  const isEarly = toldMs < validUntilMs && releasingMs === undefined && reason !== 'closed'
  const isRefused = answer === 'lost' && toldMs === never && releasedMs < validUntilMs
  return isEarly || isRefused ? [{ what, witness: [hold] }] : []
}

/** A lease may be over when its holder gets it, and states no end then. @param {Hold} hold */
const statedEndOf = ({ atMs, validUntilMs }) => Math.max(atMs, validUntilMs)

/** What a lease keeps between the end that it states and the one that the server knows. @param {Hold} hold */
const marginOf = ({ name }) => ttlOf(name) * 0.01 + 2

/** @param {History} history @param {Hold} hold @returns {Violation[]} */
function checkLoss({ lives }, hold) {
  const { who, name, releasingMs, toldMs, idleMs = 0, isRevived = false } = hold
  const statedMs = statedEndOf(hold)
  const witness = [hold]
  if (isRevived) {
    return [
      { what: `the lease on ${name} said that it is held after it told of its loss`, witness },
    ]
  }
  if (toldMs !== undefined) {
    const lateMs = toldMs - statedMs - idleMs
    if (lateMs <= marginOf(hold)) return []
    const what = `the holder of ${name} was told of its loss ${lateMs.toFixed(1)} ms late`
    return [{ what, witness }]
  }
  if (releasingMs !== undefined) {
    // The lease had not told of its loss, so that is what the holder believed then.
    const what = `the holder of ${name} was never told of its loss, and released it`
    return releasingMs > statedMs + marginOf(hold) ? [{ what, witness }] : []
  }
  const { lastMs = 0, killedMs, idle = [] } = lives.get(who) ?? {}
  const fromMs = statedMs + marginOf(hold)
  const livedMs = fromMs < lastMs ? lengthOf(without({ fromMs, toMs: lastMs }, idle)) : 0
  // The last lines of a killed process may be from the middle of a tick.
  if (livedMs <= (killedMs === undefined ? 0 : 5)) return []
  return [{ what: `the holder of ${name} was never told of its loss`, witness }]
}

/** For the report. @param {History} history */
export function measureHolds({ holds, lives }) {
  const told = holds.filter(({ toldMs }) => toldMs !== undefined)
  return {
    leases: holds.length,
    killedWhileHeld: holds.filter(
      ({ who, releasingMs, toldMs }) =>
        lives.get(who)?.killedMs !== undefined && releasingMs === undefined && toldMs === undefined,
    ).length,
    told: told.length,
    toldLatestMs: told.reduce(
      (latest, hold) =>
        Math.max(latest, (hold.toldMs ?? 0) - statedEndOf(hold) - (hold.idleMs ?? 0)),
      0,
    ),
  }
}
