import type { Transaction } from '../../engine/sqlite/engine.ts'
import { leaveLine, type Waiter } from '../../gate/sqlite/line.ts'
import type { Grant, Holder, Owner } from '../../gate/store.ts'

/** What somebody asks for: so many permits, and maybe to be the only one of its kind. */
export type Asked = Pick<Waiter, 'weight' | 'isSolo'>

export interface Hold extends Asked {
  owner: Owner
  fence: number
  /** 1 while a hand-over to it is neither claimed nor known to have been told. */
  isGranted: number
  metadata: string
}

interface Row {
  permits: number
  agreed: string
  used: number
  fence: number
  untilUs: number
  releasers: string
}

const UNKNOWN: Row = { permits: 0, agreed: '[]', used: 0, fence: 0, untilUs: 0, releasers: '[]' }

/** Holders removed by one call when their leases are over. */
const MOST_LET_GO = 64
/** Releases that are answered the same when they are repeated. */
const MOST_RELEASERS = 16
/** Numbers that count as agreed on, after as many resizes less one. */
const MOST_AGREED = 16

/** The permits of one gate inside one transaction, and who holds them; `save` ends what changed. */
export class Permits {
  readonly transaction: Transaction
  readonly gate: string
  /** Hand-overs of this transaction. */
  readonly grants: Grant[] = []
  /** The line was longer than one transaction may serve. */
  mayServeMore = false
  /** The highest that was given out before this. */
  readonly lastFence: number
  private readonly floor: number
  private readonly row: Row
  private isChanged = false

  /** @param floor the highest fence that this client has seen, should the file be another one */
  constructor(transaction: Transaction, gate: string, floor: number) {
    this.transaction = transaction
    this.gate = gate
    this.floor = floor
    const row = transaction.get<Row>(
      `SELECT permits, agreed, used, fence, until_us AS untilUs, releasers
       FROM semaphore WHERE gate = ?`,
      gate,
    )
    this.row = row ? { ...row } : { ...UNKNOWN }
    this.lastFence = this.row.fence
  }

  /** How many there are, held or not; 0 when none were agreed on. */
  get count(): number {
    return this.row.permits
  }

  get used(): number {
    return this.row.used
  }

  /** Frees what is held by leases that are over, some at a time. Answers whether there may be more. */
  letExpiredGo(): boolean {
    if (this.row.used === 0) return false
    const { transaction, gate } = this
    const gone = transaction.all<{ owner: Owner; weight: number }>(
      `DELETE FROM permit WHERE gate = ?1 AND owner IN (
         SELECT owner FROM permit WHERE gate = ?1 AND expires_us <= ?2
         ORDER BY expires_us LIMIT ${MOST_LET_GO})
       RETURNING owner, weight`,
      gate,
      transaction.nowUs,
    )
    for (const { owner, weight } of gone) {
      // What it waited for was to hold more.
      leaveLine(transaction, gate, owner)
      this.change({ used: this.row.used - weight })
      // A lease that ran out was not released, whatever its owner did before.
      if (this.hasReleased(owner)) this.forgetRelease(owner)
    }
    return gone.length === MOST_LET_GO
  }

  /** Whether it is how many there are, or were before somebody resized it. */
  agreesOn(permits: number): boolean {
    return this.row.permits === permits || this.agreed().includes(permits)
  }

  agreeOn(permits: number): void {
    this.change({ permits, agreed: JSON.stringify([permits]) })
  }

  /** The numbers before stay agreed on, for there are processes that still say them. */
  resize(permits: number): void {
    const others = this.agreed().filter((other) => other !== permits)
    const agreed = JSON.stringify([permits, ...others].slice(0, MOST_AGREED))
    this.change({ permits, agreed })
    this.use(this.transaction.nowUs)
  }

  holdOf(owner: Owner): Hold | undefined {
    return this.transaction.get<Hold>(
      `SELECT owner, weight, is_solo AS isSolo, fence, is_granted AS isGranted, metadata
       FROM permit WHERE gate = ? AND owner = ?`,
      this.gate,
      owner,
    )
  }

  /** The holder whose lease is over first. */
  firstToEnd(): Holder | null {
    const row = this.transaction.get<{ owner: Owner; sinceUs: number; expiresUs: number }>(
      `SELECT owner, since_us AS sinceUs, expires_us AS expiresUs
       FROM permit WHERE gate = ? ORDER BY expires_us LIMIT 1`,
      this.gate,
    )
    if (!row) return null
    const { owner, sinceUs, expiresUs } = row
    const remainingMs = (expiresUs - this.transaction.nowUs) / 1000
    return { owner, sinceMs: sinceUs / 1000, remainingMs }
  }

  /** Whether it can be had beside the others. To have less, or as much, is always possible. */
  fits(asked: Asked, own?: Hold): boolean {
    const more = asked.weight - (own?.weight ?? 0)
    if (more > 0 && this.row.used + more > this.row.permits) return false
    return !asked.isSolo || own?.isSolo === 1 || !this.hasSolo()
  }

  take(owner: Owner, asked: Asked, lease: { us: number; isGranted: boolean; metadata: string }) {
    const { transaction, gate } = this
    const fence = this.nextFence()
    transaction.run(
      `INSERT INTO permit
         (gate, owner, weight, is_solo, fence, since_us, expires_us, is_granted, metadata)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      gate,
      owner,
      asked.weight,
      asked.isSolo,
      fence,
      transaction.nowUs,
      transaction.nowUs + lease.us,
      lease.isGranted ? 1 : 0,
      lease.metadata,
    )
    this.change({ used: this.row.used + asked.weight })
    this.use(transaction.nowUs + lease.us)
    return fence
  }

  /** Gives what is held another weight, and with it another fence; the lease stays as it is. */
  reweigh(own: Hold, asked: Asked): number {
    const fence = this.nextFence()
    this.transaction.run(
      'UPDATE permit SET weight = ?, is_solo = ?, fence = ? WHERE gate = ? AND owner = ?',
      asked.weight,
      asked.isSolo,
      fence,
      this.gate,
      own.owner,
    )
    this.change({ used: this.row.used + asked.weight - own.weight })
    return fence
  }

  /** A fresh lease, for a holder that lives. */
  extend(owner: Owner, leaseUs: number): void {
    const untilUs = this.transaction.nowUs + leaseUs
    this.transaction.run(
      'UPDATE permit SET expires_us = ?, is_granted = 0 WHERE gate = ? AND owner = ?',
      untilUs,
      this.gate,
      owner,
    )
    this.use(untilUs)
  }

  /** A holder that is to be told of what it was given besides. Its lease gets no shorter by that. */
  announce(owner: Owner, claimUs: number): void {
    const untilUs = this.transaction.nowUs + claimUs
    this.transaction.run(
      `UPDATE permit SET expires_us = max(expires_us, ?), is_granted = 1
       WHERE gate = ? AND owner = ?`,
      untilUs,
      this.gate,
      owner,
    )
    this.use(untilUs)
  }

  /** Answers whether the owner held anything. */
  free(owner: Owner): boolean {
    const { transaction, gate } = this
    const gone = transaction.get<{ weight: number }>(
      'DELETE FROM permit WHERE gate = ? AND owner = ? RETURNING weight',
      gate,
      owner,
    )
    if (!gone) return false
    leaveLine(transaction, gate, owner)
    this.change({ used: this.row.used - gone.weight })
    return true
  }

  hasReleased(owner: Owner): boolean {
    return this.releasers().includes(owner)
  }

  noteRelease(owner: Owner): void {
    const others = this.releasers().filter((other) => other !== owner)
    const releasers = JSON.stringify([owner, ...others].slice(0, MOST_RELEASERS))
    this.change({ releasers })
  }

  /** Somebody means to come back until then. */
  use(untilUs: number): void {
    if (untilUs > this.row.untilUs) this.change({ untilUs })
  }

  save(): void {
    if (!this.isChanged || this.row.permits === 0) return
    const { permits, agreed, used, fence, untilUs, releasers } = this.row
    this.transaction.run(
      `INSERT INTO semaphore (gate, permits, agreed, used, fence, until_us, releasers)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (gate) DO UPDATE SET permits = excluded.permits, agreed = excluded.agreed,
         used = excluded.used, fence = excluded.fence, until_us = excluded.until_us,
         releasers = excluded.releasers`,
      this.gate,
      permits,
      agreed,
      used,
      fence,
      used > 0 ? untilUs : Math.min(untilUs, this.transaction.nowUs),
      releasers,
    )
  }

  private change(changes: Partial<Row>): void {
    Object.assign(this.row, changes)
    this.isChanged = true
  }

  private hasSolo(): boolean {
    const sql = 'SELECT 1 FROM permit WHERE gate = ? AND is_solo = 1'
    return this.transaction.get(sql, this.gate) !== undefined
  }

  /** Above every fence of this gate, and above those that this client saw before the file was lost. */
  private nextFence(): number {
    const fence = Math.max(this.row.fence + 1, this.floor + 1, this.transaction.nowUs)
    this.change({ fence })
    return fence
  }

  private forgetRelease(owner: Owner): void {
    const others = this.releasers().filter((other) => other !== owner)
    this.change({ releasers: JSON.stringify(others) })
  }

  private agreed(): number[] {
    return JSON.parse(this.row.agreed) as number[]
  }

  private releasers(): Owner[] {
    return JSON.parse(this.row.releasers) as Owner[]
  }
}
