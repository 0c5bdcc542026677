import { ClosedError } from '../errors.ts'
import type { Entry, Gate, Pass } from './gate.ts'
import type { Holds } from './holds.ts'
import type { HeldLease } from './lease.ts'

/** What a gate that is held for a while has of its own. */
export interface HeldGateTerms<Demand> {
  key: string
  terms: string
  name: string
  ttlMs: number
  /** Of the job that asks, as text. */
  demand: string
  demandOf: (text: string) => Demand
  isShared: boolean
  /** Whether who asked for that shares it with nobody. */
  hasFence: (text: string) => boolean
  describe: () => Promise<string | null>
}

/** A gate of what leases are given of: whoever enters stands in the line of the callers. */
export function heldGate<Demand>(holds: Holds<Demand>, gate: HeldGateTerms<Demand>): Gate {
  const { key, terms, name, ttlMs, demand, demandOf, isShared, hasFence, describe } = gate

  function passOf(held: HeldLease<Demand>, isAlone: boolean): Pass {
    const release = () =>
      held.release().then(
        () => {},
        () => {},
      )
    const fence = isAlone ? held.fence : null
    return { key, fence, signal: held.signal, release, giveBack: release }
  }

  async function enter(entry: Entry): Promise<Pass | null> {
    const { signal, metadata, onWaiting } = entry
    const request = { name, ttlMs, maxHoldMs: null, metadata, replicas: 0 }
    try {
      const entered = await holds.acquire(
        { ...request, demand: demandOf(entry.demand) },
        Number.POSITIVE_INFINITY,
        signal,
        (held) => passOf(held, hasFence(entry.demand)),
        { kind: 'job', onWaiting },
      )
      if (entered instanceof Error) throw entered
      return entered
    } catch (error) {
      if (signal.aborted || error instanceof ClosedError) return null
      throw error
    }
  }

  return { key, terms, demand, isShared, isSpent: false, enter, describe }
}

interface Seen {
  host: string
  pid: number
  sinceMs: number
}

/** Who is in the way, for people. */
export function inTheWay(holders: readonly Seen[], waiterCount: number): string | null {
  const [first, ...others] = holders
  if (!first) return null
  const since = new Date(first.sinceMs).toISOString()
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  const line = waiterCount === 0 ? '' : `, ${waiterCount} waiting`
  return `held by ${first.host} pid ${first.pid} since ${since}${more}${line}`
}
