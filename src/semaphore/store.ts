import type { GateStore, Holder, Owner, WaiterView } from '../gate/store.ts'

/**
 * The contract of semaphores on an engine: permits that several owners hold at a time, each with a
 * lease of its own. A read-write lock is one, too: a reader takes one permit, a writer all of them.
 * Internal, outside semver.
 *
 * Promises, proved by `semaphore.contract.ts` on every engine:
 * - S1  The weights of those who hold never exceed the permits, at any instant of the store's clock,
 *       but for permits that were taken before `resize` made them fewer.
 * - S2  Each new ownership has a higher fence than every one before it, and so has each new weight
 *       that `reweigh` gives.
 * - S3  Only an owner can renew, reweigh or release what it holds; anyone else is told `lost` and
 *       changes nothing. A lease that is over frees its permits without anybody's doing.
 * - S4  Who waits is served in order: nobody passes a waiter, however light, and when permits are
 *       free the whole leading run of waiters that fits is granted at once.
 * - S5  A hand-over is granted for the claim lease only, until its owner acquires or renews.
 * - S6  A waiter that missed a heartbeat deadline delays nobody by more than one claim lease.
 * - S7  `acquire` repeated by the same owner gives the same ownership: same fence, fresh lease.
 * - S8  After `leave` the owner's late `acquire` is refused, and what it was granted is passed on.
 * - S9  Everybody agrees on the permits: who says another number than the one that is in use is told
 *       `mismatch` and changes nothing. It may be said anew while nobody holds or waits.
 * - S10 `resize` counts from then on, and grants what fits now. Both the number that was agreed on
 *       and the new one are taken for agreed afterwards.
 * - S11 At most one owner holds alone (`solo`) at a time, beside any others that fit; a waiter who
 *       asks for that waits for it in its turn.
 * - S12 `reweigh` to less happens at once and grants what fits now. To more it happens at once when
 *       it fits beside the other holders; else the owner keeps what it has and waits in front of
 *       everyone, and is granted when it fits. Nobody new gets in meanwhile.
 * - S13 `inspect` and `list` change nothing.
 * - S14 Nothing outlives its use: an idle semaphore leaves only its fence, and that for a day.
 * - S15 A waiter of kind `job` stands in one line with callers, and is shown as what it is. It counts for
 *       15 s after its last call; what is handed over to it is for its claim lease, as to any.
 */

/** What permits are asked for besides. */
export interface SemaphoreDemand {
  /** From 1 to the number of permits. */
  weight: number
  /** How many permits there are, as this caller was told. */
  permits: number
  /** Of all who ask for this, one at a time. */
  solo: boolean
}

export interface StoredPermit extends Holder {
  fence: number
  weight: number
  solo: boolean
  metadata: string
}

/** A semaphore as it is stored. */
export interface StoredSemaphore {
  name: string
  /** 0 when nobody has used it lately. */
  permits: number
  /** The sum of the weights that are held. */
  used: number
  /** By the time since when they hold, at most 100. */
  holders: StoredPermit[]
  /** In the order in which they will be served, at most 100. */
  waiters: (WaiterView & { weight: number; solo: boolean })[]
}

export type ReweighAnswer =
  | { tag: 'changed'; fence: number; sentAtMs: number }
  /** It still holds what it held, and waits in front: a call of {@link SemaphoreStore.reweigh} again keeps its place. */
  | { tag: 'waiting'; lastFence: number; sentAtMs: number }
  | { tag: 'lost' }

/**
 * An acquisition that disagrees on the permits rejects with `SettingsMismatchError`.
 * Grants of `acquire` and of `reweigh` are told by `onGrant` alike: a hold changes hands, or grows.
 */
export interface SemaphoreStore extends GateStore<SemaphoreDemand> {
  /**
   * Changes the weight of what the owner holds, and gives it a fresh lease. While it waits to grow it
   * must call again within a claim lease; asking for its old weight instead withdraws.
   */
  reweigh(request: {
    name: string
    owner: Owner
    weight: number
    solo: boolean
    ttlMs: number
    claimMs: number
    heartbeat: boolean
    replicas: number
  }): Promise<ReweighAnswer>
  /** Answers how many permits there were before; 0 when none were agreed on. */
  resize(request: { name: string; permits: number }): Promise<number>
  inspect(name: string): Promise<StoredSemaphore>
  /** Semaphores that are held or waited for, at most `limit`, in no order. */
  list(limit: number): Promise<StoredSemaphore[]>
}
