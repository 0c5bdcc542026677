import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import {
  countWaiters,
  hasWithdrawn,
  headOfLine,
  joinLine,
  leaveLine,
  sweepLines,
  waitersOf,
  withdraw,
} from '../../gate/sqlite/line.ts'
import { schema as gateSchema } from '../../gate/sqlite/schema.gen.ts'
import type { AcquireRequest, Grant, Holder, LockStore, LockView, Owner } from '../store.ts'
import { sharedGrants } from './grants.ts'
import { schema } from './schema.gen.ts'

interface LockRow {
  owner: Owner | null
  fence: number
  expiresUs: number
  sinceUs: number
  releaser: Owner | null
}

type HeldRow = LockRow & { owner: Owner }

type StoredAnswer =
  | { tag: 'acquired'; fence: number }
  | { tag: 'waiting'; position: number; holder: Holder | null }
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
/** A view shows no more waiters than these. */
const MOST_VIEWED = 100

const gateOf = (name: string) => `lock:${name}`
const toUs = (ms: number) => Math.round(ms * 1000)

/** Locks in the table `lock`, and `waiter` of the gate. */
export function sqliteLockStore(engine: SqliteEngine): LockStore {
  engine.define(gateSchema)
  engine.define(schema)
  const grants = sharedGrants(engine)
  const write = <T>(work: (transaction: Transaction) => T) => engine.write(work, { durable: false })
  let sweptUs = 0

  /** A clock that was moved back must not put sweeping off. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  return {
    async acquire(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const answer = await write((transaction) => {
        sweepSometimes(transaction)
        return acquire(transaction, request, grants.floor)
      })
      if (answer.tag === 'waiting') grants.await(request.owner)
      if (answer.tag === 'acquired') grants.acquired(request.owner, answer.fence)
      return { ...answer, sentAtMs }
    },

    async renew({ name, owner, ttlMs }) {
      const sentAtMs = engine.clock.monotonicMs()
      const isRenewed = await write((transaction) => extend(transaction, name, owner, toUs(ttlMs)))
      return isRenewed ? { tag: 'renewed', sentAtMs } : { tag: 'lost' }
    },

    async release({ name, owner }) {
      const { wasHeld, granted } = await write((transaction) =>
        release(transaction, name, owner, grants.floor),
      )
      if (wasHeld) grants.forget(owner)
      if (granted) grants.deliver(granted)
      return { tag: wasHeld ? 'released' : 'lost' }
    },

    async leave({ name, owner }) {
      grants.forget(owner)
      const { granted } = await write((transaction) =>
        leave(transaction, name, owner, grants.floor),
      )
      if (granted) grants.deliver(granted)
    },

    inspect: (name) => engine.read((transaction) => view(transaction, name)),

    list: (limit) =>
      engine.read((transaction) =>
        namesInUse(transaction, limit).map((name) => view(transaction, name)),
      ),

    onGrant: (listener) => grants.onGrant(listener),

    onDoubt: (listener) => grants.onDoubt(listener),
    // A file is under the eyes of this process: it does not come back as another one.
    resetSince: () => null,
  }
}

function acquire(transaction: Transaction, request: AcquireRequest, floor: number): StoredAnswer {
  const { name, owner } = request
  const gate = gateOf(name)
  if (hasWithdrawn(transaction, gate, owner)) return { tag: 'refused' }
  const row = readLock(transaction, name)
  const leaseUs = toUs(request.ttlMs)
  if (isHeld(row, transaction.nowUs)) {
    if (row.owner !== owner) return queueUp(transaction, request, row)
    extend(transaction, name, owner, leaseUs)
    return { tag: 'acquired', fence: row.fence }
  }
  const head = headOfLine(transaction, gate)
  if (head && head.owner !== owner) return queueUp(transaction, request, null)
  if (head) leaveLine(transaction, gate, owner)
  const fence = nextFence(transaction, row, floor)
  const releaser = row?.releaser ?? null
  own(transaction, name, { owner, fence, leaseUs, isGranted: false, releaser })
  return { tag: 'acquired', fence }
}

/** Someone else has the lock, or waits for it in front: join the line, or say how long it is. */
function queueUp(
  transaction: Transaction,
  request: AcquireRequest,
  row: HeldRow | null,
): StoredAnswer {
  const gate = gateOf(request.name)
  const holder = row && holderOf(row, transaction.nowUs)
  if (!request.enqueue) {
    return { tag: 'held', waiterCount: countWaiters(transaction, gate), holder }
  }
  const { owner, claimMs } = request
  const place = joinLine(transaction, gate, { owner, kind: 'caller', claimUs: toUs(claimMs) })
  return { tag: 'waiting', position: countWaiters(transaction, gate, place), holder }
}

function extend(transaction: Transaction, name: string, owner: Owner, leaseUs: number): boolean {
  const { nowUs } = transaction
  const changed = transaction.run(
    `UPDATE lock SET expires_us = ?, is_granted = 0
     WHERE name = ? AND owner = ? AND expires_us > ?`,
    nowUs + leaseUs,
    name,
    owner,
    nowUs,
  )
  return changed === 1
}

function release(transaction: Transaction, name: string, owner: Owner, floor: number): GivenUp {
  const row = readLock(transaction, name)
  const given = giveUp(transaction, name, owner, { row, releaser: owner, floor })
  return given.wasHeld ? given : { wasHeld: row?.releaser === owner, granted: null }
}

function leave(transaction: Transaction, name: string, owner: Owner, floor: number): GivenUp {
  withdraw(transaction, gateOf(name), owner)
  const row = readLock(transaction, name)
  return giveUp(transaction, name, owner, { row, releaser: row?.releaser ?? null, floor })
}

/** Hands what the owner holds over to the head of the line, or lets it idle. */
function giveUp(
  transaction: Transaction,
  name: string,
  owner: Owner,
  how: { row: LockRow | undefined; releaser: Owner | null; floor: number },
): GivenUp {
  const { row, releaser, floor } = how
  const { nowUs } = transaction
  if (!isHeld(row, nowUs) || row.owner !== owner) return { wasHeld: false, granted: null }
  const gate = gateOf(name)
  const head = headOfLine(transaction, gate)
  if (!head) {
    transaction.run(
      `UPDATE lock SET owner = NULL, expires_us = ?, is_granted = 0, releaser = ?
       WHERE name = ?`,
      nowUs,
      releaser,
      name,
    )
    return { wasHeld: true, granted: null }
  }
  leaveLine(transaction, gate, head.owner)
  const fence = nextFence(transaction, row, floor)
  own(transaction, name, {
    owner: head.owner,
    fence,
    leaseUs: head.claimUs,
    isGranted: true,
    releaser,
  })
  return { wasHeld: true, granted: { owner: head.owner, fence } }
}

function own(
  transaction: Transaction,
  name: string,
  to: {
    owner: Owner
    fence: number
    leaseUs: number
    isGranted: boolean
    releaser: Owner | null
  },
): void {
  const { nowUs } = transaction
  transaction.run(
    `INSERT INTO lock (name, owner, fence, expires_us, since_us, is_granted, releaser)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, fence = excluded.fence,
       expires_us = excluded.expires_us, since_us = excluded.since_us,
       is_granted = excluded.is_granted, releaser = excluded.releaser`,
    name,
    to.owner,
    to.fence,
    nowUs + to.leaseUs,
    nowUs,
    to.isGranted ? 1 : 0,
    to.releaser,
  )
}

function readLock(transaction: Transaction, name: string): LockRow | undefined {
  return transaction.get<LockRow>(
    `SELECT owner, fence, expires_us AS expiresUs, since_us AS sinceUs, releaser
     FROM lock WHERE name = ?`,
    name,
  )
}

/** Above every fence of this name, and above those that this client saw before the file was lost. */
function nextFence(transaction: Transaction, row: LockRow | undefined, floor: number): number {
  return Math.max((row?.fence ?? 0) + 1, floor + 1, transaction.nowUs)
}

function isHeld(row: LockRow | undefined, nowUs: number): row is HeldRow {
  return row !== undefined && row.owner !== null && row.expiresUs > nowUs
}

function holderOf(row: HeldRow, nowUs: number): Holder {
  return {
    owner: row.owner,
    sinceMs: row.sinceUs / 1000,
    remainingMs: (row.expiresUs - nowUs) / 1000,
  }
}

function view(transaction: Transaction, name: string): LockView {
  const row = readLock(transaction, name)
  const isTaken = isHeld(row, transaction.nowUs)
  return {
    name,
    holder: isTaken ? { ...holderOf(row, transaction.nowUs), fence: row.fence } : null,
    waiters: waitersOf(transaction, gateOf(name), MOST_VIEWED).map(({ owner, kind }) => ({
      owner,
      kind,
    })),
  }
}

/** Held or waited for. */
function namesInUse(transaction: Transaction, limit: number): string[] {
  const { nowUs } = transaction
  const rows = transaction.all<{ name: string }>(
    `SELECT name FROM lock WHERE expires_us > ?1 AND owner IS NOT NULL
     UNION SELECT substr(gate, length('lock:') + 1) FROM waiter
     WHERE deadline_us >= ?1 AND gate LIKE 'lock:%' LIMIT ?2`,
    nowUs,
    limit,
  )
  return rows.map((row) => row.name)
}

/** Removes some of what has no use any more. Answers whether there may be more. */
function sweep(transaction: Transaction): boolean {
  const locks = transaction.run(
    `DELETE FROM lock WHERE name IN (
       SELECT name FROM lock WHERE expires_us <= ? ORDER BY expires_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs - IDLE_US,
  )
  return sweepLines(transaction) || locks === MOST_SWEPT
}
