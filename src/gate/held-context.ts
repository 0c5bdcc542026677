import type { Clock } from '../clock.ts'
import type { HeldLease } from './lease.ts'
import type { Rhythm } from './rhythm.ts'
import type { LeaseStore, RenewAnswer } from './store.ts'
import type { UnderWay } from './under-way.ts'

/** What leases of one kind share. */
export interface HeldContext<Demand> {
  store: LeaseStore<Demand>
  clock: Clock
  /** All that have not ended. */
  rhythm: Rhythm<HeldLease<Demand>>
  /** What `close` waits for. */
  underWay: UnderWay
  /** Gives it to the next in line at once, if that is one of this client. */
  handOver(held: HeldLease<Demand>): Promise<RenewAnswer> | null
}
