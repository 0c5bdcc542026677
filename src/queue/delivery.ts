import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { StaleDeliveryError } from '../errors.ts'
import type { Acquirable } from '../gate/gate.ts'
import { duration, readOptions } from '../options.ts'
import { deferOptions, deferralOf, type Ending } from './defer.ts'
import { type FailureTerms, reasonOf, settlementOf } from './failure.ts'
import { noteOf } from './history.ts'
import { retryOptions } from './options.ts'
import { gatesOf, type HeldGate, idOf, type Notes, type Telling, tellingOf } from './run.ts'
import type { ScheduleSlot } from './schedule-store.ts'
import type { StoredJob } from './store.ts'

/** A job taken by hand. It must be settled within the queue's `timeout`, else the attempt has failed. */
export interface Delivery<Data> extends Telling {
  readonly id: string
  readonly data: Data
  readonly attempt: number
  readonly fence: number
  /** Of which slot of which schedule it is; null for other jobs. */
  readonly schedule: ScheduleSlot | null
  /** What it was to have before it runs: none for most. */
  readonly gates: readonly HeldGate[]
  /** Aborts when the delivery is over without having been settled. */
  readonly signal: AbortSignal
  /**
   * Done: the job is removed. The result, JSON of up to 64 KiB, is kept of a job with an id.
   * @throws {StaleDeliveryError} if it is not this delivery's any more
   */
  ack(result?: unknown): Promise<void>
  /** Failed: tried again after `delay`, by default the queue's backoff; dead after the last attempt. */
  retry(options?: { delay?: Duration }): Promise<void>
  /**
   * Neither done nor failed: back into the queue for that long, from 1 ms, or until the job has that lock or a permit of that
   * semaphore, as {@link Defer} says; and no attempt is spent.
   * @throws {ArgumentError}; {@link StaleDeliveryError} if it is not this delivery's any more
   */
  defer(options: { until: Duration | Acquirable }): Promise<void>
  /** Failed for good: straight to the dead letters. */
  fail(reason?: unknown): Promise<void>
  /**
   * From now on it may take this long, from 1 ms, whatever was left of the queue's `timeout`. Nothing is
   * sent. @throws {ArgumentError}, {@link StaleDeliveryError} if it is over
   */
  extend(time: Duration): Promise<void>
}

/** A delivery, and what its maker does with it. */
export interface Held<Data> {
  readonly job: StoredJob
  readonly delivery: Delivery<Data>
  readonly isOver: boolean
  /** Resolves when it was settled, or is over otherwise. */
  readonly over: Promise<void>
  /** Over without having been settled by its owner: `reason` aborts its signal. */
  end(reason: unknown): void
  /** Its owner should stop, and settle it. */
  abort(reason: unknown): void
}

export interface DeliveryTerms {
  queue: string
  timeoutMs: number
  failures: FailureTerms
  clock: Clock
  notes: Notes
  settle: (id: string, ending: Ending) => Promise<void>
  onOver: (id: string) => void
}

const readTime = duration({ minMs: 1 })

export function holdDelivery<Data>(
  job: StoredJob,
  data: Data,
  fence: number,
  terms: DeliveryTerms,
): Held<Data> {
  const { queue, clock, timeoutMs, failures, settle } = terms
  const { id } = job
  const controller = new AbortController()
  let isOver = false
  let tell = () => {}
  const over = new Promise<void>((resolve) => {
    tell = resolve
  })
  let timer = clock.after(timeoutMs, expire)

  function finish(): void {
    if (isOver) return
    isOver = true
    timer.cancel()
    terms.onOver(id)
    tell()
  }

  function end(reason: unknown): void {
    if (isOver) return
    finish()
    controller.abort(reason)
  }

  function expire(): void {
    end(new StaleDeliveryError(queue, id))
    const settlement = settlementOf(job, 'not settled within the timeout', failures, 'timeout')
    settle(id, settlement).catch(() => {})
  }

  /** Once: a newer delivery of the job has the same id, and may be here as well. */
  async function settleOnce(ending: Ending): Promise<void> {
    if (isOver) throw new StaleDeliveryError(queue, id)
    finish()
    await settle(id, ending)
  }

  const delivery: Delivery<Data> = {
    id: idOf(job),
    data,
    attempt: job.attempt + 1,
    fence,
    schedule: job.schedule ?? null,
    gates: gatesOf(job),
    signal: controller.signal,
    ...tellingOf(terms.notes, job),
    ack: (result) => settleOnce({ tag: 'ack', result }),
    async retry(options) {
      const { delay } = readOptions('retry', options, retryOptions)
      const isLast = job.attempt + 1 >= job.maxAttempts
      const reason = `retried by its consumer${isLast ? ' until no attempt was left' : ''}`
      const how = delay === undefined ? failures : { ...failures, delayAfter: () => delay }
      await settleOnce(settlementOf(job, reason, how))
    },
    async defer(options) {
      const { until } = readOptions('defer', options, deferOptions)
      await settleOnce(deferralOf(job, until, failures.gateOf))
    },
    fail(reason = 'failed by its consumer') {
      const text = reasonOf(reason)
      return settleOnce({
        tag: 'death',
        reason: text,
        ...noteOf(failures.keptFailures, 'failed', text),
      })
    },
    async extend(time) {
      const ms = readTime(time, 'extend.time')
      if (isOver) throw new StaleDeliveryError(queue, id)
      timer.cancel()
      timer = clock.after(ms, expire)
    },
  }
  return {
    job,
    delivery,
    get isOver() {
      return isOver
    },
    over,
    end,
    abort: (reason) => controller.abort(reason),
  }
}
