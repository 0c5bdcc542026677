import { ClosedError, EngineUnavailableError } from '../errors.ts'
import type { HeldLease } from './lease.ts'
import type { GateStore, ReleaseAnswer, RenewAnswer } from './store.ts'
import { marginOf } from './terms.ts'
import type { LineContext } from './waiting.ts'

/** Pause before the store is told again. */
const RETRY_MS = 100

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
  { clock, room }: Pick<LineContext, 'clock' | 'room'>,
  held: HeldLease<Demand>,
): Promise<RenewAnswer> | null {
  const { handOver: tell } = store
  const waiter = held.successor === null ? undefined : room.waiterOf(held.successor)
  if (!tell || !waiter || waiter.terms.replicas > 0) return null
  const { owner: successor, ttlMs, metadata } = waiter.terms
  if (held.remainingMs() < waiter.claimMs / 2) return null
  const { name, owner, validUntilMs: heldUntilMs } = held
  const fence = held.fence + 1
  const request = { name, owner, successor, fence, ttlMs, metadata }
  const sentAtMs = clock.monotonicMs()
  // A shorter lease of its own may begin with the call, and its answer may never come.
  const validUntilMs = Math.min(heldUntilMs, sentAtMs + ttlMs - marginOf(ttlMs))
  const answer = tell(request)

  /**
   * The store is told until it has answered, or until the lease that it was on is over. The first time
   * may be the one that counted, so the new lease is as old as that.
   */
  const arrive = async (): Promise<RenewAnswer | null> => {
    for (let told = answer; ; told = tell(request)) {
      try {
        const said = await told
        return said.tag === 'renewed' ? { ...said, sentAtMs } : said
      } catch (error) {
        if (error instanceof ClosedError || clock.monotonicMs() >= heldUntilMs) return null
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    }
  }
  waiter.takeOver({ fence, validUntilMs, claimed: false, arrival: arrive() })
  return answer
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

/** What who gave it up is told, however it changed hands. */
export const outcomeOf = ({ tag }: RenewAnswer | ReleaseAnswer) =>
  tag === 'renewed' || tag === 'released' ? 'released' : 'lost'
