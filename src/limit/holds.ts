import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { ClosedError } from '../errors.ts'
import type { Hold } from '../gate/handle.ts'
import { HeldLease } from '../gate/lease.ts'
import { Rhythm } from '../gate/rhythm.ts'
import type { RenewAnswer } from '../gate/store.ts'
import { marginOf } from '../gate/terms.ts'
import { UnderWay } from '../gate/under-way.ts'
import type { LimitStore, Part } from './store.ts'

/** Units that are held by a take of a limiter with a `concurrency` rule. */
export type LimitLease = Pick<Hold, 'signal' | 'remainingMs' | 'assertHeld' | 'release'> &
  AsyncDisposable

/** What the limiters of one client hold, and what they wait for. */
export class LimitHolds {
  readonly clock: Clock
  private readonly store: LimitStore
  private readonly leases: Rhythm<HeldLease<null>>
  private readonly underWay = new UnderWay()
  private readonly closing = new AbortController()

  constructor(store: LimitStore, clock: Clock) {
    this.store = store
    this.clock = clock
    this.leases = new Rhythm(clock)
    store.onDoubt(() => {
      for (const lease of this.leases.members()) lease.confirm()
    })
  }

  /**
   * Keeps what a take was given until it is released: all parts together, each by its own lease.
   * @param sentAtMs from before the take was sent, on the monotonic clock
   */
  hold(parts: readonly Part[], owner: string, sentAtMs: number): LimitLease {
    const { clock, leases, underWay } = this
    const ttlMs = Math.min(...parts.map(leaseMsOf))
    const context = {
      ...{ clock, rhythm: leases, underWay, handOver: () => null },
      store: {
        renew: () => this.renewAll(parts, owner),
        release: () => this.releaseAll(parts, owner),
        resetSince: (sinceMs: number) => this.store.resetSince(sinceMs),
      },
    }
    const name = parts.map(({ limiter, key }) => `${limiter}/${key}`).join(', ')
    const terms = { name, ttlMs, maxHoldMs: null, metadata: '', replicas: 0, demand: null }
    const validUntilMs = sentAtMs + ttlMs - marginOf(ttlMs)
    const acquired = { fence: 0, validUntilMs, claimed: false }
    const handle = new HeldLease<null>(context, terms, owner, acquired).handle()
    return {
      get signal() {
        return handle.signal
      },
      get remainingMs() {
        return handle.remainingMs
      },
      assertHeld: () => handle.assertHeld(),
      release: () => handle.release(),
      [Symbol.asyncDispose]: () => handle[Symbol.asyncDispose](),
    }
  }

  /** Waits on the monotonic clock. Rejects with the signal's reason, or when the Sluice is closed. */
  async sleep(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { signal: closed } = this.closing
    await sleep(this.clock, waitMs, signal ? AbortSignal.any([signal, closed]) : closed)
  }

  /** Does what nobody waits for but {@link close}. */
  inBackground(work: Promise<unknown>): void {
    this.underWay.begin()
    const done = () => this.underWay.end()
    work.then(done, done)
  }

  /** Ends every wait, gives back what is held, and waits for what is under way. */
  async close(): Promise<void> {
    this.closing.abort(new ClosedError('This Sluice'))
    await Promise.allSettled(this.leases.members().map((lease) => lease.close()))
    // Who waited gives its place back after it was told.
    await new Promise((resolve) => setImmediate(resolve))
    await this.underWay.idle()
  }

  private async renewAll(parts: readonly Part[], owner: string): Promise<RenewAnswer> {
    const answers = await Promise.all(parts.map((part) => this.store.renewLeases({ part, owner })))
    const times = answers.flatMap((one) => (one.tag === 'renewed' ? [one.sentAtMs] : []))
    if (times.length === parts.length) return { tag: 'renewed', sentAtMs: Math.min(...times) }
    this.inBackground(this.releaseAll(parts, owner))
    return { tag: 'lost' }
  }

  /** Also what a take may have been given whose answer was lost. */
  async releaseAll(
    parts: readonly Part[],
    owner: string,
  ): Promise<{ tag: 'released' } | { tag: 'lost' }> {
    const answers = await Promise.all(
      parts.map((part) => this.store.releaseLeases({ part, owner })),
    )
    return { tag: answers.every(({ tag }) => tag === 'released') ? 'released' : 'lost' }
  }
}

const leaseMsOf = ({ rule }: Part) =>
  rule.kind === 'concurrency' ? rule.leaseUs / 1000 : Number.POSITIVE_INFINITY
