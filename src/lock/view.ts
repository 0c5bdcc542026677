import type { Holder } from '../gate/store.ts'
import { type Person, personOf, type Waiter, waiterOf } from '../gate/view.ts'
import type { StoredLock } from './store.ts'

/** A lock at one moment. */
export interface LockView {
  name: string
  holder: (Person & Holder & { fence: number }) | null
  /** In the order in which they will get the lock, at most 100. */
  waiters: Waiter[]
}

export const lockViewOf = ({ name, holder, waiters }: StoredLock): LockView => ({
  name,
  holder: holder && { ...holder, ...personOf(holder) },
  waiters: waiters.map(waiterOf),
})
