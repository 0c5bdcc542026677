import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import {
  countWaiters,
  hasWithdrawn,
  headOfLine,
  joinLine,
  leaveLine,
  sweepLines,
  type Waiter,
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
}

type HeldRow = LockRow & { owner: Owner }

type StoredAnswer =
  | { tag: 'acquired'; fence: number }
  | { tag: 'waiting'; position: number; holder: Holder }
  | { tag: 'held'; waiterCount: number; holder: Holder }
  | { tag: 'refused' }

/** The answer of a transaction, and the hand-over that it made by the way. */
interface Changed<Answer> {
  answer: Answer
  granted: Grant | null
}

/** An idle lock keeps its fence for a day. */
const IDLE_US = 86_400_000_000
const SWEEP_EVERY_US = 1_000_000
const MOST_SWEPT = 16

const gateOf = (name: string) => `lock:${name}`
const toUs = (ms: number) => Math.round(ms * 1000)

/** Locks in the tables `lock`, and `waiter` of the gate. */
export function sqliteLockStore(engine: SqliteEngine): LockStore {
  engine.define(gateSchema)
  engine.define(schema)
  const grants = sharedGrants(engine)
  let nextSweepUs = 0

  async function change<Answer>(work: (transaction: Transaction) => Changed<Answer>) {
    const { answer, granted } = await engine.write(work)
    if (granted) grants.deliver(granted)
    return answer
  }

  /** A clock that was moved back by a day must not put sweeping off by one. */
  function sweepSometimes(transaction: Transaction): void {
    const { nowUs } = transaction
    if (nowUs < nextSweepUs && nowUs > nextSweepUs - 2 * SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    nextSweepUs = hasMore ? 0 : nowUs + SWEEP_EVERY_US
  }

  return {
    async acquire(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const answer = await change((transaction) => {
        sweepSometimes(transaction)
        return acquire(transaction, request)
      })
      if (answer.tag === 'waiting') grants.await(request.owner)
      else grants.forget(request.owner)
      return { ...answer, sentAtMs }
    },
    async renew({ name, owner, ttlMs }) {
      const sentAtMs = engine.clock.monotonicMs()
      const isRenewed = await engine.write((transaction) =>
        extend(transaction, name, owner, toUs(ttlMs)),
      )
      return isRenewed ? { tag: 'renewed', sentAtMs } : { tag: 'lost' }
    },
    async release({ name, owner }) {
      grants.forget(owner)
      const isReleased = await change((transaction) => release(transaction, name, owner))
      return { tag: isReleased ? 'released' : 'lost' }
    },
    async leave({ name, owner }) {
      grants.forget(owner)
      await change((transaction) => leave(transaction, name, owner))
    },
    inspect: (name) => engine.read((transaction) => view(transaction, name)),
    list: (limit) =>
      engine.read((transaction) =>
        namesInUse(transaction, limit).map((name) => view(transaction, name)),
      ),
    onGrant: (listener) => grants.onGrant(listener),
    onDoubt: (listener) => grants.onDoubt(listener),
  }
}

function acquire(transaction: Transaction, request: AcquireRequest): Changed<StoredAnswer> {
  const { name, owner } = request
  const gate = gateOf(name)
  if (hasWithdrawn(transaction, gate, owner)) return { answer: { tag: 'refused' }, granted: null }
  const row = readLock(transaction, name)
  if (isHeld(row, transaction.nowUs)) {
    return { answer: acquireHeld(transaction, request, row), granted: null }
  }
  const head = headOfLine(transaction, gate)
  const fence = nextFence(transaction, row)
  if (head && head.owner !== owner) {
    const granted = grant(transaction, name, head, fence)
    return { answer: queueUp(transaction, request, granted), granted }
  }
  if (head) leaveLine(transaction, gate, owner)
  take(transaction, name, { owner, fence, leaseUs: toUs(request.ttlMs), isGranted: false })
  return { answer: { tag: 'acquired', fence }, granted: null }
}

function acquireHeld(
  transaction: Transaction,
  request: AcquireRequest,
  row: HeldRow,
): StoredAnswer {
  if (row.owner !== request.owner) return queueUp(transaction, request, row)
  extend(transaction, request.name, request.owner, toUs(request.ttlMs))
  return { tag: 'acquired', fence: row.fence }
}

/** Someone else has the lock: join the line, or say how long it is. */
function queueUp(transaction: Transaction, request: AcquireRequest, row: HeldRow): StoredAnswer {
  const gate = gateOf(request.name)
  const holder = holderOf(row, transaction.nowUs)
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

function release(transaction: Transaction, name: string, owner: Owner): Changed<boolean> {
  const row = readLock(transaction, name)
  if (row?.owner !== owner || !isHeld(row, transaction.nowUs)) {
    return { answer: false, granted: null }
  }
  return { answer: true, granted: passOn(transaction, name, row) }
}

function leave(transaction: Transaction, name: string, owner: Owner): Changed<null> {
  const gate = gateOf(name)
  withdraw(transaction, gate, owner)
  const row = readLock(transaction, name)
  const isOthers = !row || (row.owner !== owner && isHeld(row, transaction.nowUs))
  return { answer: null, granted: isOthers ? null : passOn(transaction, name, row) }
}

/** Gives a lock that nobody has any more to the head of its line, or lets it idle. */
function passOn(transaction: Transaction, name: string, row: LockRow): Grant | null {
  const head = headOfLine(transaction, gateOf(name))
  if (head) return grant(transaction, name, head, nextFence(transaction, row))
  transaction.run(
    `UPDATE lock SET owner = NULL, expires_us = ?, is_granted = 0
     WHERE name = ? AND owner IS NOT NULL`,
    transaction.nowUs,
    name,
  )
  return null
}

/** The hand-over: for the claim lease only, until its owner acquires or renews. */
function grant(transaction: Transaction, name: string, head: Waiter, fence: number): HeldRow {
  const { owner, claimUs } = head
  leaveLine(transaction, gateOf(name), owner)
  take(transaction, name, { owner, fence, leaseUs: claimUs, isGranted: true })
  const { nowUs } = transaction
  return { owner, fence, sinceUs: nowUs, expiresUs: nowUs + claimUs }
}

function take(
  transaction: Transaction,
  name: string,
  to: { owner: Owner; fence: number; leaseUs: number; isGranted: boolean },
): void {
  const { nowUs } = transaction
  transaction.run(
    `INSERT INTO lock (name, owner, fence, expires_us, since_us, is_granted)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, fence = excluded.fence,
       expires_us = excluded.expires_us, since_us = excluded.since_us,
       is_granted = excluded.is_granted`,
    name,
    to.owner,
    to.fence,
    nowUs + to.leaseUs,
    nowUs,
    to.isGranted ? 1 : 0,
  )
}

function readLock(transaction: Transaction, name: string): LockRow | undefined {
  return transaction.get<LockRow>(
    `SELECT owner, fence, expires_us AS expiresUs, since_us AS sinceUs FROM lock WHERE name = ?`,
    name,
  )
}

/** Higher than every fence of this name, and in step with those of names that were swept. */
function nextFence(transaction: Transaction, row: LockRow | undefined): number {
  return Math.max((row?.fence ?? 0) + 1, transaction.nowUs)
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
    waiters: waitersOf(transaction, gateOf(name)).map(({ owner, kind }) => ({ owner, kind })),
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
