// @ts-check
// Fences: each ownership has a higher one than those before it, and no old owner writes after a new one.
import { groupBy } from '../outcomes/history.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Hold} Hold
 * @typedef {import('./history.js').Write} Write
 * @typedef {import('./history.js').Violation} Violation
 *
 * @typedef {(before: Hold, after: Hold) => boolean} Excuse
 */

const never = Number.POSITIVE_INFINITY

/** @param {History} history @returns {Violation[]} */
export function checkFences({ holds, writes, faults }) {
  const byOwner = new Map(holds.map((hold) => [ownerOf(hold), hold]))
  const numbers = new Set(holds.map(numberOf))
  /**
   * A hand-over within a process gives the number after the former one. Where the server has lost
   * that one, and gave the lock to somebody else, the number is lower than that: so it has to be,
   * for the resource to refuse it.
   * @type {Excuse}
   */
  const isHandedOnAfterLoss = (before, after) =>
    numbers.has(numberOf({ ...after, fence: after.fence - 1 })) &&
    faults.some(
      ({ effect, fromMs, toMs }) =>
        effect === 'lossy' && before.invokedMs <= toMs && after.atMs >= fromMs,
    )
  return [
    ...[...groupBy(holds, ({ name }) => name).values()].flatMap((same) =>
      checkOrder(same, isHandedOnAfterLoss),
    ),
    ...[...groupBy(writes, ({ name }) => name).values()].flatMap((same) =>
      checkWrites(same, byOwner, isHandedOnAfterLoss),
    ),
  ]
}

/** @param {Pick<Hold, 'who' | 'name' | 'fence'>} hold */
const numberOf = ({ who, name, fence }) => `${who} ${name} ${fence}`

/** @param {{who: string, number: number}} record */
const ownerOf = ({ who, number }) => `${who}/${number}`

/**
 * Who asked after another one was told has a higher fence.
 *
 * @param {readonly Hold[]} same
 * @param {Excuse} isExcused
 */
function checkOrder(same, isExcused) {
  /** @type {Violation[]} */
  const found = []
  const told = same.toSorted((a, b) => a.atMs - b.atMs)
  /** @type {Map<number, Hold>} */
  const fences = new Map()
  /** @type {Hold | undefined} */
  let highest
  let next = 0
  for (const hold of same.toSorted((a, b) => a.invokedMs - b.invokedMs)) {
    for (; (told[next]?.atMs ?? never) < hold.invokedMs; next++) {
      if ((told[next]?.fence ?? 0) > (highest?.fence ?? 0)) highest = told[next]
    }
    const twin = fences.get(hold.fence)
    if (twin) {
      const what = `lock ${hold.name} gave fence ${hold.fence} twice`
      found.push({ what, witness: [twin, hold] })
    } else if (highest && hold.fence < highest.fence && !isExcused(highest, hold)) {
      const what = `lock ${hold.name} gave fence ${hold.fence} after ${highest.fence}`
      found.push({ what, witness: [highest, hold] })
    }
    fences.set(hold.fence, hold)
  }
  return found
}

/**
 * What the resource took and refused, by when its writers got the lock.
 *
 * @param {readonly Write[]} same in the order in which they came
 * @param {Map<string, Hold>} byOwner
 * @param {Excuse} isExcused
 */
function checkWrites(same, byOwner, isExcused) {
  /** @type {Violation[]} */
  const found = []
  /** @type {Write | undefined} */
  let highest
  /** Who asked for the lock last, of those who wrote. @type {{write: Write, hold: Hold} | undefined} */
  let newest
  for (const write of same) {
    const { name } = write
    const hold = byOwner.get(ownerOf(write))
    if (!write.isAccepted) {
      const before = highest && byOwner.get(ownerOf(highest))
      if (highest && hold && before && before.atMs < hold.invokedMs && !isExcused(before, hold)) {
        const what = `${name} refused a write of its newer holder`
        found.push({ what, witness: [before, highest, hold, write] })
      }
      continue
    }
    if (highest && write.fence < highest.fence) {
      found.push({ what: `${name} took a write with a lower fence`, witness: [highest, write] })
    } else if (
      newest &&
      hold &&
      hold.atMs < newest.hold.invokedMs &&
      !isExcused(hold, newest.hold)
    ) {
      const what = `${name} took a stale write`
      found.push({ what, witness: [hold, newest.hold, newest.write, write] })
    }
    if (!highest || write.fence >= highest.fence) highest = write
    if (hold && (!newest || hold.invokedMs > newest.hold.invokedMs)) newest = { write, hold }
  }
  return found
}

/** For the report. @param {History} history */
export const measureWrites = ({ writes }) => ({
  writes: writes.length,
  refusedWrites: writes.filter(({ isAccepted }) => !isAccepted).length,
})
