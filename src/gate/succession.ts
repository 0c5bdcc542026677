import { EngineUnavailableError } from '../errors.ts'
import type { HeldLease } from './lease.ts'
import type { GateStore, RenewAnswer } from './store.ts'
import type { WaitingRoom } from './waiting.ts'

/**
 * Gives what is held to the next in line at once, if that is one of this very process: its turn
 * begins while the store is told, on what is left of the former lease and with the fence after it.
 * Nobody else can be first meanwhile, since whoever comes stands behind. Under contention that takes
 * the two ways to the server and back out of most hand-overs.
 *
 * @returns what the store says of it; null where it has to be asked first.
 */
export function handOver<Demand>(
  store: GateStore<Demand>,
  room: WaitingRoom,
  held: HeldLease<Demand>,
): Promise<RenewAnswer> | null {
  const waiter = held.successor === null ? undefined : room.waiterOf(held.successor)
  if (!store.handOver || !waiter || waiter.terms.replicas > 0) return null
  const { owner: successor, ttlMs, metadata } = waiter.terms
  if (held.remainingMs() < waiter.claimMs / 2) return null
  const { name, owner, validUntilMs } = held
  const fence = held.fence + 1
  const arrival = store.handOver({ name, owner, successor, fence, ttlMs, metadata })
  waiter.takeOver({ fence, validUntilMs, claimed: false, arrival })
  return arrival
}

/**
 * What is asked about a lease that was handed over waits until the store has said something of that:
 * it must not overtake it. Both together take no longer than a call may.
 */
export function afterArrival<Answer>(
  arrival: Promise<void> | null,
  name: string,
  { deadlines }: Pick<GateStore<never>, 'deadlines'>,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  if (!arrival || !deadlines) return ask()
  return deadlines.bound(arrival.then(ask), () => {
    const what = `The hand-over of ${JSON.stringify(name)} to its holder was not answered in time`
    return new EngineUnavailableError(`${what}, so the outcome is unknown.`, { outcome: 'unknown' })
  })
}
