import { toUs } from '../../duration.ts'
import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { sharedGrants } from '../../gate/sqlite/grants.ts'
import {
  countsUs,
  countWaiters,
  hasWithdrawn,
  headOfLine,
  joinLine,
  leaveLine,
  ownWaiter,
  sweepLines,
  type Waiter,
  WITHDRAWAL_US,
  withdraw,
} from '../../gate/sqlite/line.ts'
import { schema as gateSchema } from '../../gate/sqlite/schema.gen.ts'
import type { AcquireRequest, Grant, Holder, Owner, RenewAnswer } from '../../gate/store.ts'
import type { LockDemand, LockStore } from '../store.ts'
import {
  beBusy,
  describe,
  extend,
  free,
  freeIdle,
  gateOf,
  holderOf,
  isHeld,
  type LockRow,
  own,
  type Place,
  raiseFence,
  readRow,
} from './row.ts'
import { schema } from './schema.gen.ts'
import { findGranted, namesInUse, viewOf } from './view.ts'

type StoredAnswer =
  | { tag: 'acquired'; fence: number }
  | { tag: 'waiting'; position: number; lastFence: number; holder: Holder | null }
  | { tag: 'held'; waiterCount: number; holder: Holder | null }
  | { tag: 'refused' }

/** What a release or a withdrawal did, and whom the lock was handed over to by it. */
interface GivenUp {
  wasHeld: boolean
  granted: Grant | null
}

/** An idle lock keeps its fence for a day. */
const IDLE_US = 86_400_000_000
const SWEEP_EVERY_US = 1_000_000
const MOST_SWEPT = 16
/** A release passes over the head of the line no more often in a row. */
const MOST_PASSES = 15

const NOTHING_GIVEN: GivenUp = { wasHeld: false, granted: null }

/** Locks in the table `lock`, and `waiter` of the gate. */
export function sqliteLockStore(engine: SqliteEngine, kind: 'lock' | 'election'): LockStore {
  engine.define(gateSchema)
  engine.define(schema)
  const grants = sharedGrants(engine, kind, (transaction, above, below) =>
    findGranted(transaction, kind, above, below),
  )
  let sweptUs = 0

  const placeOf = (transaction: Transaction, name: string): Place => ({
    ...{ transaction, kind, name, floor: grants.floor },
  })
  const write = <T>(name: string, work: (place: Place) => T) =>
    engine.write((transaction) => work(placeOf(transaction, name)), { durable: false })

  /** A clock that was moved back must not put sweeping off. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  return {
    async acquire(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const { name, owner } = request
      const { answer, granted } = await write(name, (place) => {
        sweepSometimes(place.transaction)
        const answer = acquire(place, request)
        if (answer.tag === 'waiting' && !answer.holder) {
          const granted = passOn(place, 'all')
          return { answer: granted ? acquire(place, request) : answer, granted }
        }
        const isFree = answer.tag === 'held' && !answer.holder
        return { answer, granted: isFree ? passOn(place, 'jobs') : null }
      })
      if (granted) grants.deliver(granted)
      if (answer.tag === 'waiting') grants.await(owner)
      if (answer.tag === 'acquired') grants.acquired(owner, answer.fence)
      return { ...answer, sentAtMs }
    },

    async renew({ name, owner, ttlMs }) {
      const sentAtMs = engine.clock.monotonicMs()
      return write(name, (place) => renew(place, owner, toUs(ttlMs), sentAtMs))
    },

    async release({ name, owner, demand }) {
      const preferred = demand.fair ? null : engine.clientId
      const { wasHeld, granted } = await write(name, (place) => release(place, owner, preferred))
      if (wasHeld) grants.forget(owner)
      if (granted) grants.deliver(granted)
      return { tag: wasHeld ? 'released' : 'lost' }
    },

    async leave({ name, owner }) {
      const { granted } = await write(name, (place) => leave(place, owner)).finally(() =>
        // Not before: a heartbeat that is still under way would await it again.
        grants.forget(owner),
      )
      if (granted) grants.deliver(granted)
    },

    async forceRelease({ name, reason, expectFence }) {
      const { answer, granted } = await write(name, (place) =>
        forceRelease(place, reason, expectFence),
      )
      if (granted) grants.deliver(granted)
      return answer
    },

    describe: ({ name, owner, metadata }) =>
      write(name, (place) => (describe(place, owner, metadata) ? 'changed' : 'lost')),

    raiseFence: ({ name, owner, fence }) =>
      write(name, (place) => (raiseFence(place, owner, fence) ? 'raised' : 'lost')),

    reserveFences: ({ name, owner, fence }) =>
      write(name, (place) => {
        if (countWaiters(place.transaction, gateOf(place)) > 0) return 'awaited'
        return raiseFence(place, owner, fence) ? 'reserved' : 'lost'
      }),

    inspect: (name) => engine.read((transaction) => viewOf(placeOf(transaction, name))),

    list: (limit) =>
      engine.read((transaction) =>
        namesInUse(transaction, kind, limit).map((name) => viewOf(placeOf(transaction, name))),
      ),

    onGrant: (listener) => grants.onGrant(listener),
    // A holder does not look at other processes' commits: its next renewal tells it.
    onForced: () => () => {},
    onDoubt: (listener) => grants.onDoubt(listener),
    // A file is under the eyes of this process: it does not come back as another one.
    resetSince: () => null,
  }
}

function acquire(place: Place, request: AcquireRequest<LockDemand>): StoredAnswer {
  const { transaction } = place
  const { owner, metadata, demand } = request
  const leaseUs = toUs(request.ttlMs)
  const row = readRow(place)
  const isBusy = row !== undefined && row.busyUs >= transaction.nowUs
  if (isBusy && hasWithdrawn(transaction, gateOf(place), owner)) return { tag: 'refused' }
  if (isHeld(row, transaction.nowUs)) {
    if (row.owner !== owner) return queueUp(place, request, row)
    extend(place, owner, leaseUs)
    return { tag: 'acquired', fence: row.fence }
  }
  if (isBusy && demand.fair) {
    const head = headOfLine(transaction, gateOf(place))
    if (head && head.owner !== owner) return queueUp(place, request, row)
  }
  if (isBusy) leaveLine(transaction, gateOf(place), owner)
  const to = { owner, leaseUs, metadata, isGranted: false, passes: 0 }
  return { tag: 'acquired', fence: own(place, row, to) }
}

/**
 * A free lock with somebody in front: who that is may be dead, and would keep all others waiting for as long as it counts.
 * @param to 'jobs': not where a caller is the first, who counts for no longer than one who is dead would have it
 */
function passOn(place: Place, to: 'all' | 'jobs'): Grant | null {
  const { transaction } = place
  const row = readRow(place)
  if (!row || isHeld(row, transaction.nowUs)) return null
  if (to === 'jobs' && headOfLine(transaction, gateOf(place))?.kind !== 'job') return null
  return handOver(place, row, null)
}

/** Someone else has the lock, or waits for it in front: join the line, or say how long it is. */
function queueUp(place: Place, request: AcquireRequest<LockDemand>, row: LockRow): StoredAnswer {
  const { transaction } = place
  const gate = gateOf(place)
  const holder = isHeld(row, transaction.nowUs) ? holderOf(row, transaction.nowUs) : null
  if (!request.enqueue) {
    return { tag: 'held', waiterCount: countWaiters(transaction, gate), holder }
  }
  const { owner, metadata, kind = 'caller' } = request
  const lastFence = row.fence
  const claimUs = toUs(request.claimMs)
  beBusy(place, countsUs(kind, claimUs))
  const entry = joinLine(transaction, gate, { owner, kind, claimUs, weight: 1, metadata })
  const position = countWaiters(transaction, gate, entry)
  return { tag: 'waiting', position, lastFence, holder }
}

function renew(place: Place, owner: Owner, leaseUs: number, sentAtMs: number): RenewAnswer {
  if (extend(place, owner, leaseUs)) return { tag: 'renewed', sentAtMs }
  const row = readRow(place)
  if (row?.forcedOwner === owner) return { tag: 'forced', reason: row.forcedReason ?? '' }
  return { tag: 'lost' }
}

function release(place: Place, owner: Owner, preferred: string | null): GivenUp {
  if (freeIdle(place, owner)) return { wasHeld: true, granted: null }
  const row = readRow(place)
  if (!isHeld(row, place.transaction.nowUs) || row.owner !== owner) {
    return { wasHeld: row?.releaser === owner, granted: null }
  }
  free(place, { releaser: owner, forcedOwner: null, forcedReason: null })
  return { wasHeld: true, granted: handOver(place, row, preferred) }
}

function leave(place: Place, owner: Owner): GivenUp {
  const { transaction } = place
  withdraw(transaction, gateOf(place), owner)
  beBusy(place, WITHDRAWAL_US)
  const row = readRow(place)
  if (!isHeld(row, transaction.nowUs) || row.owner !== owner) return NOTHING_GIVEN
  free(place, { releaser: row.releaser, forcedOwner: null, forcedReason: null })
  return { wasHeld: true, granted: handOver(place, row, null) }
}

function forceRelease(
  place: Place,
  reason: string,
  expectFence: number | null,
): { answer: 'released' | 'free' | 'changed'; granted: Grant | null } {
  const row = readRow(place)
  if (!isHeld(row, place.transaction.nowUs)) return { answer: 'free', granted: null }
  if (expectFence !== null && row.fence !== expectFence) return { answer: 'changed', granted: null }
  free(place, { releaser: row.releaser, forcedOwner: row.owner, forcedReason: reason })
  return { answer: 'released', granted: handOver(place, row, null) }
}

/**
 * Gives what was just freed to the head of the line, or to a waiter of the preferred client. The
 * others of the line are live still, so it stays busy until their deadlines.
 */
function handOver(place: Place, row: LockRow, preferred: string | null): Grant | null {
  const { transaction } = place
  const gate = gateOf(place)
  const isPreferring = preferred !== null && row.passes < MOST_PASSES
  const near = isPreferring ? ownWaiter(transaction, gate, preferred) : undefined
  const next: Waiter | undefined = near ?? headOfLine(transaction, gate)
  if (!next) return null
  const { owner, claimUs, metadata } = next
  leaveLine(transaction, gate, owner)
  const passes = near ? row.passes + 1 : 0
  const fence = own(place, row, { owner, leaseUs: claimUs, metadata, isGranted: true, passes })
  return { owner, fence }
}

/** Removes some of what has no use any more. Answers whether there may be more. */
function sweep(transaction: Transaction): boolean {
  const locks = transaction.run(
    `DELETE FROM lock WHERE (kind, name) IN (
       SELECT kind, name FROM lock WHERE expires_us <= ? ORDER BY expires_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs - IDLE_US,
  )
  return sweepLines(transaction) || locks === MOST_SWEPT
}
