import type { Clock, Timer } from '../clock.ts'
import { type Duration, readDuration } from '../duration.ts'
import { LockLostError, type LossReason } from '../errors.ts'
import { DAY_MS, SHORTEST_TTL_MS } from './options.ts'
import type { Rhythm } from './rhythm.ts'
import type { LockStore } from './store.ts'

/** Time-limited ownership of a lock, and the handle that stands for it. */
export interface Lease extends AsyncDisposable {
  readonly name: string
  /** Who holds: `host:pid:random.number`, unique to this acquisition. */
  readonly owner: string
  /**
   * Grows with every ownership of this name, across expiry and restart. Hand it to the resource and
   * let it refuse a lower one: that is the only guard that no pause or clock can defeat.
   */
  readonly fence: number
  /** Aborts, with a {@link LockLostError}, by this process's own clock before the lease is over. */
  readonly signal: AbortSignal
  /** Milliseconds for which the lease is certainly held unless it is renewed; 0 once it is lost. */
  readonly remainingMs: number
  /** Throws {@link LockLostError} if the lease is over, also right after a pause of the process. */
  assertHeld(): void
  /**
   * Gives the lease this long from now on, and renews it with that from then on.
   * @throws {LockLostError} if it is lost, {@link ArgumentError}, {@link EngineUnavailableError}
   */
  extend(ttl: Duration): Promise<void>
  /**
   * Gives the lock up and over to the next in line. Never throws for a lost lease; a second call
   * answers as the first did. An engine that cannot be reached rejects, and the lease then expires.
   */
  release(): Promise<'released' | 'lost'>
}

export interface LeaseTerms {
  name: string
  owner: string
  fence: number
  ttlMs: number
  maxHoldMs: number | null
  /** Monotonic time at which the engine's answer says that the lease ends, margin taken off. */
  validUntilMs: number
}

/** Pause before a renewal that failed is tried again. */
const RETRY_MS = 100

/** Share of what is left of a claim lease after which its holder says that it lives. */
const CONFIRM_SHARE = 0.05

/** Clocks drift and timers are late: a lease ends this much earlier for its holder. */
export const marginOf = (ttlMs: number) => ttlMs * 0.01 + 2
/** The lease whose holder may rely on it for so long. */
const leaseFor = (validMs: number) => (validMs + 2) / 0.99

/** What one lease does over its life. {@link openLease} gives out its public face. */
export class HeldLease {
  readonly terms: LeaseTerms
  private readonly store: LockStore
  private readonly clock: Clock
  /** Made on the first use of the signal: most holders never ask, and it is a third of the cost. */
  private controller: AbortController | null = null
  private loss: LockLostError | null = null
  private readonly onEnd: () => void
  private readonly heldSinceMs: number
  private readonly holdUntilMs: number
  private validUntilMs: number
  private wallUntilMs: number
  private lossTimer: Timer | null = null
  private retryTimer: Timer | null = null
  private stopRenewing: () => void = () => {}
  private readonly rhythm: Rhythm
  private renewing = false
  private ended = false
  private outcome: Promise<'released' | 'lost'> | null = null
  private lateRelease: Promise<unknown> | null = null

  constructor(
    store: LockStore,
    clock: Clock,
    rhythm: Rhythm,
    terms: LeaseTerms,
    onEnd: () => void,
  ) {
    this.store = store
    this.clock = clock
    this.rhythm = rhythm
    this.terms = { ...terms }
    this.onEnd = onEnd
    const now = clock.monotonicMs()
    this.heldSinceMs = now
    this.holdUntilMs = terms.maxHoldMs === null ? Number.POSITIVE_INFINITY : now + terms.maxHoldMs
    this.validUntilMs = Math.min(terms.validUntilMs, this.holdUntilMs)
    this.wallUntilMs = clock.wallMs() + this.validUntilMs - now
    this.watchValidity()
    this.beat()
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.loss) this.controller.abort(this.loss)
    return this.controller.signal
  }

  remainingMs(): number {
    this.noticeExpiry()
    return this.ended ? 0 : Math.max(0, this.validUntilMs - this.clock.monotonicMs())
  }

  assertHeld(): void {
    this.noticeExpiry()
    if (this.loss) throw this.loss
    if (this.ended) throw new LockLostError(this.terms.name, 'closed')
  }

  /** Asks for a fresh lease at once. Rejects if the engine did not answer. */
  private async renew(): Promise<void> {
    const { name, owner, ttlMs } = this.terms
    const leftMs = this.holdUntilMs - this.clock.monotonicMs()
    const leaseMs = Math.min(ttlMs, Math.max(leaseFor(leftMs), SHORTEST_TTL_MS))
    // A shorter lease may begin with the call, and its answer may never come.
    const untilMs = this.clock.monotonicMs() + leaseMs - marginOf(leaseMs)
    if (untilMs < this.validUntilMs) this.becomeValidUntil(untilMs)
    const answer = await this.store.renew({ name, owner, ttlMs: leaseMs })
    if (this.ended) return
    if (answer.tag === 'lost') {
      const reset = this.store.resetSince(this.heldSinceMs)
      return reset ? this.lose('reset', reset) : this.lose('taken')
    }
    this.becomeValidUntil(answer.sentAtMs + leaseMs - marginOf(leaseMs))
  }

  /**
   * Turns the claim lease of a hand-over into a full one, after a moment: most holders are done
   * before it is over, and then a hand-over costs the release alone.
   */
  confirmSoon(): void {
    const claimMs = this.validUntilMs - this.clock.monotonicMs()
    this.retryTimer = this.clock.after(claimMs * CONFIRM_SHARE, () => void this.keepAlive(), {
      background: true,
    })
  }

  async extend(ttl: Duration): Promise<void> {
    const ttlMs = readDuration(ttl, 'ttl', { minMs: SHORTEST_TTL_MS, maxMs: DAY_MS })
    this.assertHeld()
    this.terms.ttlMs = ttlMs
    this.beat()
    await this.renew()
    this.assertHeld()
  }

  release(): Promise<'released' | 'lost'> {
    this.outcome ??= this.giveUp()
    return this.outcome
  }

  /** Ends the lease without the holder's will; gives the lock up in the background. */
  lose(reason: LossReason, cause?: Error): void {
    if (this.ended) return
    this.end()
    this.loss = new LockLostError(this.terms.name, reason, cause)
    this.controller?.abort(this.loss)
    this.outcome ??= Promise.resolve('lost' as const)
    if (reason !== 'taken' && reason !== 'reset')
      this.lateRelease = this.store.release(this.terms).catch(() => {})
  }

  /** Loses the lease as `closed`; resolves when the lock was given up, as far as that is possible. */
  async close(): Promise<void> {
    this.lose('closed')
    await this.lateRelease
  }

  private async giveUp(): Promise<'released' | 'lost'> {
    this.noticeExpiry()
    if (this.ended) return 'lost'
    this.end()
    const answer = await this.store.release(this.terms)
    return answer.tag
  }

  private end(): void {
    this.ended = true
    this.stopRenewing()
    this.lossTimer?.cancel()
    this.retryTimer?.cancel()
    this.onEnd()
  }

  private becomeValidUntil(untilMs: number): void {
    const now = this.clock.monotonicMs()
    this.validUntilMs = Math.min(untilMs, this.holdUntilMs)
    this.wallUntilMs = this.clock.wallMs() + this.validUntilMs - now
    this.watchValidity()
  }

  private beat(): void {
    this.stopRenewing()
    this.stopRenewing = this.rhythm.every(this.terms.ttlMs / 3, () => void this.keepAlive())
  }

  /** The engine may have forgotten the lease: asks at once. */
  confirm(): void {
    void this.keepAlive()
  }

  /** A renewal whose outcome is unknown is tried again as long as the lease is valid. */
  private async keepAlive(): Promise<void> {
    if (this.renewing || this.ended || this.clock.monotonicMs() >= this.holdUntilMs) return
    this.renewing = true
    try {
      await this.renew()
    } catch {
      this.retryTimer = this.clock.after(RETRY_MS, () => void this.keepAlive(), {
        background: true,
      })
    } finally {
      this.renewing = false
    }
  }

  private watchValidity(): void {
    this.lossTimer?.cancel()
    const leftMs = this.validUntilMs - this.clock.monotonicMs()
    this.lossTimer = this.clock.after(leftMs, () => this.lookAgain(), { background: true })
  }

  /** A timer may be a little early: then it is set again, for nothing else would tell the loss. */
  private lookAgain(): void {
    this.noticeExpiry()
    if (!this.ended) this.watchValidity()
  }

  /** The monotonic clock stands still while a machine sleeps, the wall clock may jump: either ends it. */
  private noticeExpiry(): void {
    if (this.ended) return
    const now = this.clock.monotonicMs()
    if (now < this.validUntilMs && this.clock.wallMs() < this.wallUntilMs) return
    this.lose(now >= this.holdUntilMs ? 'max-hold' : 'expired')
  }
}

/** The public face of a lease. */
export function leaseOf(held: HeldLease): Lease {
  const { name, owner, fence } = held.terms
  return {
    name,
    owner,
    fence,
    get signal() {
      return held.signal
    },
    get remainingMs() {
      return held.remainingMs()
    },
    assertHeld: () => held.assertHeld(),
    extend: (ttl) => held.extend(ttl),
    release: () => held.release(),
    async [Symbol.asyncDispose]() {
      await held.release().catch(() => {})
    },
  }
}
