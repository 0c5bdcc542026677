import { headOfLine, leaveLine, type Waiter, waitersOf } from '../../gate/sqlite/line.ts'
import type { Permits } from './permits.ts'

/** Waiters that are granted in one transaction. */
const MOST_SERVED = 64

/**
 * Hands over to the whole leading run of waiters that fits, some at a time. The dead who are passed
 * over lose their place.
 */
export function serveLine(permits: Permits): void {
  const { transaction, gate } = permits
  permits.mayServeMore = false
  const [first] = waitersOf(transaction, gate, 1)
  if (!first || !permits.fits(first, permits.holdOf(first.owner))) return
  headOfLine(transaction, gate)
  const waiters = waitersOf(transaction, gate, MOST_SERVED)
  const areServed = waiters.every((waiter) => serve(permits, waiter))
  permits.mayServeMore = areServed && waiters.length === MOST_SERVED
}

/** Who holds already waits to hold more. */
function serve(permits: Permits, waiter: Waiter): boolean {
  const { owner, claimUs, metadata } = waiter
  const own = permits.holdOf(owner)
  if (!permits.fits(waiter, own)) return false
  leaveLine(permits.transaction, permits.gate, owner)
  const fence = own
    ? permits.reweigh(own, waiter)
    : permits.take(owner, waiter, { us: claimUs, isGranted: true, metadata })
  if (own) permits.announce(owner, claimUs)
  permits.grants.push({ owner, fence })
  return true
}
