// @ts-check
// Locks: nobody holds what another one holds, fences grow, nobody is left out.
import { groupBy } from './history.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').Loss} Loss
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./store.js').StoredLock} StoredLock
 *
 * @typedef {object} Holding
 * @property {Call} acquire
 * @property {Call[]} extensions
 * @property {Call | undefined} release
 * @property {Loss | undefined} loss
 * @property {number} fromMs when the holder was told
 * @property {number} untilMs how long it could believe to hold, by what it was told
 */

const never = Number.POSITIVE_INFINITY

/** @param {History} history @param {readonly StoredLock[]} held when all is over @returns {Violation[]} */
export function checkLocks(history, held) {
  const holdings = holdingsOf(history)
  return [
    ...[...groupBy(holdings, ({ acquire }) => acquire.lock ?? '').values()].flatMap((same) => [
      ...overlapsOf(same),
      ...fencesOf(same),
    ]),
    ...holdings.flatMap(checkLease),
    ...history.calls
      .filter(({ isLast, owner, end }) => isLast && !(end === 'ok' && owner !== undefined))
      .map((call) => ({
        what: `lock ${call.lock} was kept from everybody after everything worked again`,
        witness: [call],
      })),
    ...held.map((lock) => ({
      what: `lock ${lock.name} is held when nobody holds it any more`,
      witness: [lock, ...holdings.filter(({ acquire }) => acquire.owner === lock.owner)],
    })),
  ]
}

/** @param {History} history @returns {Holding[]} */
function holdingsOf({ calls, losses }) {
  const byOwner = groupBy(calls, ({ owner }) => owner ?? '')
  const lossOf = new Map(losses.map((loss) => [loss.owner, loss]))
  const acquires = calls.filter(({ op, owner }) => op === 'acquire' && owner !== undefined)
  return acquires.map((acquire) => {
    const own = byOwner.get(acquire.owner ?? '') ?? []
    const release = own.find(({ op }) => op === 'release')
    const extensions = own.filter(({ op }) => op === 'extend')
    const loss = lossOf.get(acquire.owner ?? '')
    const told = [acquire, ...extensions, ...(release ? [release] : [])]
    const validMs = Math.max(...told.map(({ validUntilMs = 0 }) => validUntilMs))
    const untilMs = Math.min(validMs, release?.invokedMs ?? never, loss?.atMs ?? never)
    return { acquire, extensions, release, loss, fromMs: acquire.endedMs ?? never, untilMs }
  })
}

/** @param {readonly Holding[]} same @returns {Violation[]} */
function overlapsOf(same) {
  const found = []
  /** @type {Holding | undefined} */
  let latest
  for (const holding of [...same].sort((a, b) => a.fromMs - b.fromMs)) {
    if (holding.fromMs >= holding.untilMs) continue
    if (latest && holding.fromMs < latest.untilMs) {
      const bothMs = Math.min(latest.untilMs, holding.untilMs) - holding.fromMs
      const what = `lock ${holding.acquire.lock} had two holders for ${bothMs.toFixed(1)} ms`
      found.push({ what, witness: [...recordsOf(latest), ...recordsOf(holding)] })
    }
    if (!latest || holding.untilMs > latest.untilMs) latest = holding
  }
  return found
}

/** @param {Holding} holding @returns {object[]} */
const recordsOf = ({ acquire, extensions, release, loss }) =>
  [acquire, ...extensions, release, loss].filter((record) => record !== undefined)

/** Who asked after another one was told has a higher fence. @param {readonly Holding[]} same @returns {Violation[]} */
function fencesOf(same) {
  const found = []
  const told = [...same].sort((a, b) => a.fromMs - b.fromMs)
  const fences = new Set()
  /** @type {Holding | undefined} */
  let highest
  let next = 0
  for (const holding of [...same].sort((a, b) => a.acquire.invokedMs - b.acquire.invokedMs)) {
    const { fence = 0, lock, invokedMs } = holding.acquire
    for (; (told[next]?.fromMs ?? never) < invokedMs; next++) {
      if ((told[next]?.acquire.fence ?? 0) > (highest?.acquire.fence ?? 0)) highest = told[next]
    }
    if (fences.has(fence)) {
      const witness = same.filter(({ acquire }) => acquire.fence === fence)
      const what = `lock ${lock} gave fence ${fence} twice`
      found.push({ what, witness: witness.map(({ acquire }) => acquire) })
    } else if (highest && fence < (highest.acquire.fence ?? 0)) {
      const what = `lock ${lock} gave fence ${fence} after ${highest.acquire.fence}`
      found.push({ what, witness: [highest.acquire, holding.acquire] })
    }
    fences.add(fence)
  }
  return found
}

/**
 * The server never forgets anything here, so a lease lasts as long as it said. One that was to be
 * extended without an answer has no such end any more.
 *
 * @param {Holding} holding
 * @returns {Violation[]}
 */
function checkLease(holding) {
  const { acquire, extensions, release, loss } = holding
  if (extensions.some(({ end }) => end !== 'ok')) return []
  /** @param {number} atMs */
  const toldBefore = (atMs) =>
    [acquire, ...extensions, ...(release ? [release] : [])]
      .filter((call) => (call === release ? call.invokedMs : (call.endedMs ?? never)) <= atMs)
      .at(-1)?.validUntilMs ?? 0
  if (loss && loss.atMs < toldBefore(loss.atMs)) {
    const what = `the lease on ${acquire.lock} was lost (${loss.reason}) before its end`
    return [{ what, witness: recordsOf(holding) }]
  }
  const isEarly = release?.endedMs !== undefined && release.endedMs < (release.validUntilMs ?? 0)
  if (isEarly && release.answer === 'lost') {
    const what = `a release of ${acquire.lock} within the lease was told that the lease is lost`
    return [{ what, witness: recordsOf(holding) }]
  }
  return []
}
