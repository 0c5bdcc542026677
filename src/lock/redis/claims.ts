import { evalWords } from '../../engine/redis/command.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { SluiceError } from '../../errors.ts'
import { RELEASED } from '../../gate/redis/answers.ts'
import type { AcquireAnswer, AcquireRequest, ReleaseAnswer } from '../../gate/store.ts'
import type { LockDemand } from '../store.ts'
import type { LeaseTexts } from './lease-texts.ts'
import { giveUnchanged } from './scripts.gen.ts'

/** Tells leases apart that have no fence. Lower than every fence, of 15 digits. */
const FIRST_MARK = 1e14
const MOST_MARKS = 9e14
/** Of so many leases it is known what was written; the others are given up like all. A map would cost as much as it saves. */
const MOST_WRITTEN = 8

/**
 * Takes free locks whose fence nobody reads with one plain command: a script takes five times as long
 * on the server. When another one is under way already, what comes travels with others in one call of
 * a script, which is cheaper still; and of two at a time, one could be given the answer of the other.
 * What was written is known to the letter, so a script of two commands gives it up: 14 us of the server, and 18 for one
 * that has to read it. It is sent as a plain command as well: what makes one call of many items was a tenth of the client's work.
 */
export class Claims {
  private readonly engine: RedisEngine
  private readonly leaseTexts: (ttlMs: number) => LeaseTexts
  private isUnderWay = false
  /** Random at first, as with calls of scripts. */
  private callNumber = Math.floor(Math.random() * 2 ** 32)
  private readonly written: { owner: string; state: string }[] = []

  constructor(engine: RedisEngine, leaseTexts: (ttlMs: number) => LeaseTexts) {
    this.engine = engine
    this.leaseTexts = leaseTexts
  }

  /** Whether it is one of these; the others are for a script. */
  serves({ enqueue, replicas, demand }: AcquireRequest<LockDemand>): boolean {
    if (demand.fenced !== false || this.isUnderWay || enqueue || replicas > 0) return false
    return this.engine.clock.storeUs() === null
  }

  /** @param byScript has the answer where the command did not take it: it finds what that may have written */
  take(
    key: string,
    { owner, ttlMs, metadata }: AcquireRequest<LockDemand>,
    byScript: () => Promise<AcquireAnswer>,
  ): Promise<AcquireAnswer> {
    this.isUnderWay = true
    const sentAtMs = this.engine.clock.monotonicMs()
    const { leaseUs, leaseMs } = this.leaseTexts(ttlMs)
    const state = unfencedState(owner, leaseUs, metadata)
    const otherwise = () => {
      this.isUnderWay = false
      this.forget(owner)
      return byScript()
    }
    // Before the answer: it may be given up before that.
    this.remember(owner, state)
    return this.engine.command('SET', key, state, 'PX', leaseMs, 'NX').then((said) => {
      if (said === null) return otherwise()
      this.isUnderWay = false
      return { tag: 'acquired', fence: 0, sentAtMs }
    }, otherwise)
  }

  private remember(owner: string, state: string): void {
    const { written } = this
    if (written.length === MOST_WRITTEN) written.shift()
    written.push({ owner, state })
  }

  /** What was written for it; null where that is not known. */
  private forget(owner: string): string | null {
    const at = this.written.findIndex((one) => one.owner === owner)
    const [found] = at < 0 ? [] : this.written.splice(at, 1)
    return found?.state ?? null
  }

  /** @param otherwise gives it up where it is not as it was written, or that is not known */
  give(
    key: string,
    owner: string,
    otherwise: (mayHaveRun: boolean) => Promise<ReleaseAnswer>,
  ): Promise<ReleaseAnswer> {
    const state = this.forget(owner)
    if (state === null) return otherwise(false)
    const number = String(this.callNumber++)
    const words = evalWords(giveUnchanged, key, number, state)
    return this.engine.command('EVALSHA', ...words).then(
      (said) => (said === `${number} 1` ? RELEASED : otherwise(false)),
      (failure: unknown) => this.giveAgain(key, state, isUnknown(failure), otherwise),
    )
  }

  /** The server does not know the script, or has not answered. */
  private async giveAgain(
    key: string,
    state: string,
    wasSent: boolean,
    otherwise: (mayHaveRun: boolean) => Promise<ReleaseAnswer>,
  ): Promise<ReleaseAnswer> {
    const { tag, mayHaveRun } = await this.engine.call(giveUnchanged, { lock: key }, { state })
    return tag === 'released' ? RELEASED : otherwise(mayHaveRun || wasSent)
  }
}

const isUnknown = (failure: unknown) =>
  failure instanceof SluiceError && failure.outcome === 'unknown'

/** What state.lua calls a state that was written without the server's time. */
function unfencedState(owner: string, leaseUs: string, metadata: string): string {
  const mark = FIRST_MARK + Math.floor(Math.random() * MOST_MARKS)
  return `N0 0000000000000000 0${mark} ${leaseUs} 9999999999999999 ${owner} - ${metadata}`
}
