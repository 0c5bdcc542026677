import { LockTimeoutError } from '../errors.ts'
import { duration } from '../options.ts'
import type { Entry, Gate, InTheWay, Pass } from './gate.ts'
import type { Handle } from './handle.ts'
import type { Holds } from './holds.ts'
import { gateKey } from './key.ts'
import type { HeldLease } from './lease.ts'
import { DAY_MS, SHORTEST_TTL_MS } from './options.ts'

/** Lease of what a job holds, as {@link Gate.terms} have it. */
export const readTtlMs = duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS })

/** A kind of gates to something that is held by a lease. */
export interface HeldKind<Demand, Terms extends HeldTerms = HeldTerms> {
  kind: string
  /** Whether several may be let in at a time. */
  isShared(terms: Terms): boolean
  holds: Holds<Demand>
  /** @throws {ArgumentError} for what can never be had */
  read(demand: string, terms: Terms): Demand
  /** Whether who has this has it alone, so that fences order those who had it. */
  hasFence(demand: Demand): boolean
  describe(name: string): Promise<InTheWay>
  /** As that of a {@link Pass}. Left out where several may be let in. */
  reserve?(held: HeldLease<unknown>, count: number): Promise<boolean>
}

export interface HeldTerms {
  name: string
  ttlMs: number
}

/** A class, as each job that runs makes one. */
export class HeldGate<Demand, Terms extends HeldTerms> implements Gate {
  readonly key: string
  readonly demand: string
  readonly isSpent = false
  readonly #kind: HeldKind<Demand, Terms>
  readonly #terms: Terms

  /** @throws {ArgumentError} for a demand that can never be had */
  constructor(kind: HeldKind<Demand, Terms>, terms: Terms, demand: string) {
    kind.read(demand, terms)
    this.key = gateKey(kind.kind, terms.name)
    this.demand = demand
    this.#kind = kind
    this.#terms = terms
  }

  get isShared(): boolean {
    return this.#kind.isShared(this.#terms)
  }

  get terms(): string {
    return JSON.stringify({ kind: this.#kind.kind, ...this.#terms })
  }

  describe(): Promise<InTheWay> {
    return this.#kind.describe(this.#terms.name)
  }

  enter(entry: Entry): Promise<Pass | null> {
    const { holds, read, hasFence, reserve } = this.#kind
    const { name, ttlMs } = this.#terms
    let demand: Demand
    try {
      demand = read(entry.demand, this.#terms)
    } catch (error) {
      return Promise.reject(error)
    }
    const { metadata } = entry
    const terms = { name, ttlMs, maxHoldMs: null, metadata, replicas: 0, demand }
    const give = (held: HeldLease<Demand>) =>
      new HeldPass(this.key, held as unknown as HeldLease<unknown>, hasFence(demand), reserve)
    return holds
      .acquire(terms, Number.POSITIVE_INFINITY, undefined, give, entry)
      .then(passOrThrow, (error: unknown) => {
        if (entry.aborted) return null
        throw error
      })
  }
}

function passOrThrow(got: HeldPass | LockTimeoutError): HeldPass {
  if (got instanceof LockTimeoutError) throw got
  return got
}

type Reserve = NonNullable<HeldKind<unknown>['reserve']>

/** What cannot be given up now is over with its lease. */
class HeldPass implements Pass {
  readonly key: string
  readonly fence: number | null
  readonly #handle: Handle
  readonly #held: HeldLease<unknown>
  readonly #reserve: Reserve | undefined

  constructor(
    key: string,
    held: HeldLease<unknown>,
    hasFence: boolean,
    reserve: Reserve | undefined,
  ) {
    this.key = key
    this.#reserve = reserve
    this.fence = hasFence ? held.fence : null
    this.#handle = held.handle()
    this.#held = held
  }

  get signal(): AbortSignal {
    return this.#handle.signal
  }

  onLost(listener: (loss: unknown) => void): void {
    this.#held.onLoss(listener)
  }

  get isLost(): boolean {
    return this.#held.remainingMs() === 0
  }

  reserve(count: number): Promise<boolean> {
    return this.#reserve ? this.#reserve(this.#held, count) : Promise.resolve(false)
  }

  release(): Promise<void> {
    return this.#handle.release().then(nothing, nothing)
  }

  giveBack(): Promise<void> {
    return this.release()
  }
}

function nothing(): void {}
