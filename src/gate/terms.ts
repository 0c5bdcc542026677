import type { Owner, RenewAnswer } from './store.ts'

/** What an acquisition asks for, the same for every call of a handle. */
export interface HoldTerms<Demand> {
  name: string
  ttlMs: number
  maxHoldMs: number | null
  metadata: string
  replicas: number
  demand: Demand
}

/** What was got: for how long is certain from `validUntilMs` on the monotonic clock. */
export interface Acquired {
  fence: number
  validUntilMs: number
  /** It came by hand-over and holds for the claim lease only, until the first renewal. */
  claimed: boolean
  /** Who stands first in line after that, if it is of this client and known. */
  successor?: Owner | null
  /** It was handed over in this process: what the store says of that, null if it never does. */
  arrival?: Promise<RenewAnswer | null>
}

/** What somebody who waits will hold. */
export interface HeirTerms {
  owner: Owner
  ttlMs: number
  metadata: string
  replicas: number
  /** Left out: a caller. */
  kind?: 'job' | undefined
}

/** Who stands in line, where it is no caller. */
export interface Standing {
  readonly kind: 'job'
  /** As its signal, which is dear to make: that is asked for when it waits, and not before. */
  readonly aborted: boolean
  readonly signal: AbortSignal
  /** Called once, as soon as it stands there. */
  onWaiting(): void
}

/** Clocks drift and timers are late: a lease ends this much earlier for its holder. */
export const marginOf = (ttlMs: number) => ttlMs * 0.01 + 2
/** The lease whose holder may rely on it for so long. */
export const leaseFor = (validMs: number) => (validMs + 2) / 0.99
