import type { Holder } from '../gate/store.ts'
import { type Person, personOf, type Waiter, waiterOf } from '../gate/view.ts'
import type { StoredSemaphore } from './store.ts'

export interface PermitHolder extends Person, Holder {
  /** How many permits it has. */
  weight: number
}

/** A semaphore at one moment. */
export interface SemaphoreView {
  name: string
  /** 0 when nobody has used it lately. */
  permits: number
  /** The sum of the weights that are held. */
  used: number
  /** By the time since when they hold, at most 100. */
  holders: PermitHolder[]
  /** In the order in which they will be served, at most 100. */
  waiters: (Waiter & { weight: number })[]
}

export const semaphoreViewOf = (stored: StoredSemaphore): SemaphoreView => ({
  name: stored.name,
  permits: stored.permits,
  used: stored.used,
  holders: stored.holders.map((holder) => ({
    ...personOf(holder),
    sinceMs: holder.sinceMs,
    remainingMs: holder.remainingMs,
    weight: holder.weight,
  })),
  waiters: stored.waiters.map((waiter) => ({ ...waiterOf(waiter), weight: waiter.weight })),
})
