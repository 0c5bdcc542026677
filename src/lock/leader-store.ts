import type { StoredLock } from './store.ts'

/** Who leads, with the metadata of its lock. */
export type LeaderRow = NonNullable<StoredLock['holder']>

/**
 * How an election is followed, besides the {@link LockStore} that decides it. Who leads is told by
 * the leader's own process; that it is gone without a word is for the observer to notice.
 *
 * Promises, proved by `election.test.ts`:
 * - W1 `watch` answers who leads now, and changes nothing of that.
 * - W2 Who watches is told within milliseconds of each `announce`, whoever makes it: at most 1,000
 *      clients of each election, for a minute after they watched last.
 */
export interface LeaderStore {
  /** Looks, and asks to be told of changes. */
  watch(name: string): Promise<LeaderRow | null>
  /** Tells everybody who watches that something has changed. */
  announce(name: string): Promise<void>
  /** Calls back when something may have changed, or when news of that may have been missed. */
  onNews(name: string, listener: () => void): () => void
}
