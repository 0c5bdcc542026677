import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { Holder, Owner } from '../../gate/store.ts'

/** What a kind of lock of one name is, and which transaction looks at it. */
export interface Place {
  transaction: Transaction
  kind: string
  name: string
  /** Highest fence that this client knows of, whatever happened to the file since. */
  floor: number
}

/** What its line is called. */
export const gateOf = ({ kind, name }: Place) => `${kind}:${name}`

export interface LockRow {
  owner: Owner | null
  fence: number
  expiresUs: number
  sinceUs: number
  busyUs: number
  passes: number
  metadata: string
  releaser: Owner | null
  forcedOwner: Owner | null
  forcedReason: string | null
}

export type HeldRow = LockRow & { owner: Owner }

export function readRow({ transaction, kind, name }: Place): LockRow | undefined {
  return transaction.get<LockRow>(
    `SELECT owner, fence, expires_us AS expiresUs, since_us AS sinceUs, busy_us AS busyUs, passes,
       metadata, releaser, forced_owner AS forcedOwner, forced_reason AS forcedReason
     FROM lock WHERE kind = ? AND name = ?`,
    kind,
    name,
  )
}

export function isHeld(row: LockRow | undefined, nowUs: number): row is HeldRow {
  return row !== undefined && row.owner !== null && row.expiresUs > nowUs
}

/** Above every fence of this name, and above those that this client saw before the file was lost. */
export function nextFence({ transaction, floor }: Place, row: LockRow | undefined): number {
  return Math.max((row?.fence ?? 0) + 1, floor + 1, transaction.nowUs)
}

/** Makes the owner the one that holds it; answers its fence. */
export function own(
  place: Place,
  row: LockRow | undefined,
  to: { owner: Owner; leaseUs: number; metadata: string; isGranted: boolean; passes: number },
): number {
  const { transaction, kind, name } = place
  const { nowUs } = transaction
  const fence = nextFence(place, row)
  transaction.run(
    `INSERT INTO lock (kind, name, owner, fence, expires_us, since_us, busy_us, is_granted, passes,
       metadata)
     VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
     ON CONFLICT (kind, name) DO UPDATE SET owner = excluded.owner, fence = excluded.fence,
       expires_us = excluded.expires_us, since_us = excluded.since_us,
       is_granted = excluded.is_granted, passes = excluded.passes, metadata = excluded.metadata,
       forced_owner = NULL, forced_reason = NULL`,
    kind,
    name,
    to.owner,
    fence,
    nowUs + to.leaseUs,
    nowUs,
    to.isGranted ? 1 : 0,
    to.passes,
    to.metadata,
  )
  return fence
}

/** A fresh lease for whoever holds it by right. */
export function extend({ transaction, kind, name }: Place, owner: Owner, leaseUs: number): boolean {
  const { nowUs } = transaction
  const changed = transaction.run(
    `UPDATE lock SET expires_us = ?, is_granted = 0
     WHERE kind = ? AND name = ? AND owner = ? AND expires_us > ?`,
    nowUs + leaseUs,
    kind,
    name,
    owner,
    nowUs,
  )
  return changed === 1
}

/** Changes what is shown of whoever holds it by right. */
export function describe(place: Place, owner: Owner, metadata: string): boolean {
  const { transaction, kind, name } = place
  const changed = transaction.run(
    'UPDATE lock SET metadata = ? WHERE kind = ? AND name = ? AND owner = ? AND expires_us > ?',
    metadata,
    kind,
    name,
    owner,
    transaction.nowUs,
  )
  return changed === 1
}

/** No later ownership has this fence, or a lower one. */
export function raiseFence(place: Place, owner: Owner, fence: number): boolean {
  const { transaction, kind, name } = place
  const changed = transaction.run(
    `UPDATE lock SET fence = max(fence, ?)
     WHERE kind = ? AND name = ? AND owner = ? AND expires_us > ?`,
    fence,
    kind,
    name,
    owner,
    transaction.nowUs,
  )
  return changed === 1
}

/** Frees what nobody can be waiting for, in one statement. */
export function freeIdle({ transaction, kind, name }: Place, owner: Owner): boolean {
  const { nowUs } = transaction
  const changed = transaction.run(
    `UPDATE lock SET owner = NULL, expires_us = ?1, is_granted = 0, releaser = ?2
     WHERE kind = ?3 AND name = ?4 AND owner = ?2 AND expires_us > ?1 AND busy_us < ?1`,
    nowUs,
    owner,
    kind,
    name,
  )
  return changed === 1
}

/** Frees it; what is remembered of the last owner is in `how`. */
export function free(
  { transaction, kind, name }: Place,
  how: { releaser: Owner | null; forcedOwner: Owner | null; forcedReason: string | null },
): void {
  transaction.run(
    `UPDATE lock SET owner = NULL, expires_us = ?, is_granted = 0, releaser = ?,
       forced_owner = ?, forced_reason = ?
     WHERE kind = ? AND name = ?`,
    transaction.nowUs,
    how.releaser,
    how.forcedOwner,
    how.forcedReason,
    kind,
    name,
  )
}

/** From now on everybody has to look whether somebody waits. */
export function beBusy({ transaction, kind, name }: Place, forUs: number): void {
  const { nowUs } = transaction
  transaction.run(
    `INSERT INTO lock (kind, name, fence, expires_us, since_us, busy_us, is_granted, passes, metadata)
     VALUES (?, ?, 0, ?, ?, ?, 0, 0, '')
     ON CONFLICT (kind, name) DO UPDATE SET busy_us = max(busy_us, excluded.busy_us)`,
    kind,
    name,
    nowUs,
    nowUs,
    nowUs + forUs,
  )
}

export function holderOf(row: HeldRow, nowUs: number): Holder {
  return {
    owner: row.owner,
    sinceMs: row.sinceUs / 1000,
    remainingMs: (row.expiresUs - nowUs) / 1000,
  }
}
