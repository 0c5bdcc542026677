import type { GateStore, Holder, Owner, WaiterView } from '../gate/store.ts'

/**
 * The contract of locks on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `lock.contract.ts` on every engine:
 * - L1  At most one owner holds a name at any instant of the store's clock.
 * - L2  Each new ownership of a name has a higher fence than every one before it.
 * - L3  Only the owner can renew or release; anyone else is told `lost` and changes nothing.
 * - L4  A released or expired lock goes to the waiter that has waited longest and still lives.
 * - L5  A hand-over is granted for the claim lease only, until its owner acquires or renews.
 * - L6  A waiter that missed a heartbeat deadline delays nobody by more than one claim lease.
 * - L7  `acquire` repeated by the same owner gives the same ownership: same fence, fresh lease.
 * - L8  After `leave` the owner's late `acquire` is refused, and what it was granted is passed on.
 * - L9  `inspect` and `list` change nothing.
 * - L10 Nothing outlives its use: an idle lock leaves at most its fence, and that for a day.
 * - L11 `forceRelease` takes the lock from its holder, or from the one with the expected fence only,
 *       hands it over, and the former holder is told `forced` with the reason until another one holds.
 * - L12 Where order does not matter, a release prefers waiters of its own client, at most 15 in a row.
 * - L13 `describe` changes the metadata that the owner is shown with, and nothing else; anyone but the
 *       owner is told `lost` and changes nothing.
 * - L14 `handOver`, where there is one, makes a waiter of the same client the owner if the caller still
 *       is, with the number after its fence, which no grant gives to another one; repeated it changes
 *       nothing.
 * - L15 After `raiseFence` by the owner every later ownership has a higher fence than the one it named,
 *       for as long as L10 keeps fences; anyone but the owner is told `lost` and changes nothing.
 * - L16 A waiter of kind `job` stands in one line with callers, and is shown as what it is. It counts for
 *       15 s after its last call; what is handed over to it is for its claim lease, as to any.
 * - L17 `reserveFences`, where there is one, does for the owner what L15 says, unless somebody stands in
 *       line: then it answers `awaited` and changes nothing.
 */

/** What a lock is asked for besides. */
export interface LockDemand {
  /** False: a free lock may be taken past the line, and a release prefers its own client. */
  fair: boolean
  /** False: nobody reads its fence, so it may be any number. Left out: it grows, as promised. */
  fenced?: boolean
}

/** A lock as it is stored. */
export interface StoredLock {
  name: string
  holder: (Holder & { fence: number; metadata: string }) | null
  /** In the order in which they will get the lock. */
  waiters: WaiterView[]
}

export interface LockStore extends GateStore<LockDemand> {
  /**
   * Takes the lock from whoever holds it, and hands it over. `changed`: the holder has another fence
   * than the expected one, and keeps it.
   */
  forceRelease(request: {
    name: string
    reason: string
    expectFence: number | null
  }): Promise<'released' | 'free' | 'changed'>
  /** Changes what is shown of the owner while it holds. */
  describe(request: { name: string; owner: Owner; metadata: string }): Promise<'changed' | 'lost'>
  /** Lifts the fence of the name, while the owner holds it. Of several such locks one fence is made so. */
  raiseFence(request: { name: string; owner: Owner; fence: number }): Promise<'raised' | 'lost'>
  inspect(name: string): Promise<StoredLock>
  /** Locks that are held or waited for, at most `limit`, in no order. */
  list(limit: number): Promise<StoredLock[]>
}
