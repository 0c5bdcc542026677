import type { Clock } from '../clock.ts'
import { Circuit } from './circuit.ts'
import { Counts, type LimiterCounts } from './counts.ts'
import { LimitHolds } from './holds.ts'
import { Refusals } from './refusals.ts'
import { type Line, SameTick } from './same-tick.ts'
import type { LimitStore } from './store.ts'
import type { TokenLeases } from './token-lease.ts'

/** Names that are known at a time; the one that was made first is forgotten, its limiters go on. */
const MOST_NAMES = 1_000

/** What the limiters of one name share in this process. */
export interface Named {
  readonly line: Line
  readonly refusals: Refusals
  readonly counts: Counts
}

/** What one process knows of the limits of one engine. */
export interface Nearby {
  readonly clock: Clock
  readonly holds: LimitHolds
  readonly sameTick: SameTick
  readonly circuit: Circuit
  /** Those that hold tokens now. */
  readonly holders: Set<TokenLeases>
  named(limiter: string): Named
  /** Of every limiter that was made here, by name. */
  readCounts(): LimiterCounts[]
  /** Ends what waits, and gives back what is held. */
  close(): Promise<void>
}

export function openNearby(store: LimitStore, clock: Clock): Nearby {
  const byName = new Map<string, Named>()
  const holders = new Set<TokenLeases>()
  const holds = new LimitHolds(store, clock)
  return {
    clock,
    holds,
    holders,
    sameTick: new SameTick(store, clock),
    circuit: new Circuit(clock),
    named(limiter) {
      const found = byName.get(limiter)
      if (found) return found
      const line = { limiter, groups: new Map() }
      const named = { line, refusals: new Refusals(clock), counts: new Counts() }
      if (byName.size >= MOST_NAMES) {
        const [first = ''] = byName.keys()
        byName.delete(first)
      }
      byName.set(limiter, named)
      return named
    },
    readCounts: () =>
      [...byName]
        .map(([limiter, { counts }]) => counts.read(limiter))
        .sort((a, b) => (a.limiter < b.limiter ? -1 : 1)),
    async close() {
      await Promise.all([holds.close(), ...[...holders].map((leases) => leases.close())])
    },
  }
}
