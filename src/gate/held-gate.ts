import { LockTimeoutError } from '../errors.ts'
import { duration } from '../options.ts'
import type { Entry, Gate, Pass } from './gate.ts'
import type { Holds } from './holds.ts'
import { gateKey } from './key.ts'
import type { HeldLease } from './lease.ts'
import { DAY_MS, SHORTEST_TTL_MS } from './options.ts'

/** Lease of what a job holds, as {@link Gate.terms} have it. */
export const readTtlMs = duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS })

/** A gate to something that is held by a lease. */
export interface HeldGate<Demand> {
  kind: string
  name: string
  ttlMs: number
  /** What the terms say besides. */
  own?: object
  demand: string
  isShared: boolean
  /** @throws {ArgumentError} for what can never be had */
  read(demand: string): Demand
  /** Whether who has this has it alone, so that fences order those who had it. */
  hasFence(demand: Demand): boolean
  describe(): Promise<string | null>
}

/** @throws {ArgumentError} for a demand that can never be had */
export function heldGate<Demand>(holds: Holds<Demand>, of: HeldGate<Demand>): Gate {
  const { kind, name, own, ttlMs, demand, isShared } = of
  const key = gateKey(kind, name)
  of.read(demand)
  return {
    key,
    get terms() {
      return JSON.stringify({ kind, name, ...own, ttlMs })
    },
    demand,
    isShared,
    isSpent: false,
    enter: (entry) => enter(holds, key, of, entry),
    describe: of.describe,
  }
}

async function enter<Demand>(
  holds: Holds<Demand>,
  key: string,
  { name, ttlMs, read, hasFence }: HeldGate<Demand>,
  { demand: said, signal, metadata, onWaiting }: Entry,
): Promise<Pass | null> {
  const demand = read(said)
  const terms = { name, ttlMs, maxHoldMs: null, metadata, replicas: 0, demand }
  const give = (held: HeldLease<Demand>) => passOf(key, held, hasFence(demand))
  const standing = { kind: 'job', onWaiting } as const
  try {
    const got = await holds.acquire(terms, Number.POSITIVE_INFINITY, signal, give, standing)
    if (got instanceof LockTimeoutError) throw got
    return got
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** What cannot be given up now is over with its lease. */
function passOf<Demand>(key: string, held: HeldLease<Demand>, hasFence: boolean): Pass {
  const handle = held.handle()
  const release = () => handle.release().then(nothing, nothing)
  return {
    key,
    fence: hasFence ? held.fence : null,
    get signal() {
      return handle.signal
    },
    release,
    giveBack: release,
  }
}

function nothing(): void {}
