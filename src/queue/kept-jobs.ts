import type { Clock } from '../clock.ts'
import { StaleDeliveryError } from '../errors.ts'
import type { Pass } from '../gate/gate.ts'
import { historyOf, packHistory, withNote } from './history.ts'
import type { Settlement } from './outbox.ts'
import type { StoredJob } from './store.ts'

export type FailedRetry = Settlement & { tag: 'retry' }

export interface KeepingTerms {
  clock: Clock
  /** The failed attempt is counted, and the job stays in flight: with what fence. Rejects where it does not, or that is not known. */
  stay: (id: string, failed: FailedRetry) => Promise<number>
  /** Resolves with whether there is room for one job, at the latest so many milliseconds later. */
  untilRoom: (ms: number) => Promise<boolean>
  /** It is tried again with what it kept. Resolves when nothing more is to be done for that. */
  again: (job: StoredJob, fence: number, passes: readonly Pass[]) => Promise<void>
  /** It is tried again like others, so much later. */
  back: (id: string, delayMs: number) => void
  release: (pass: Pass) => Promise<unknown>
}

/** `back`: it keeps nothing any more; `gone`: it is not this consumer's. */
type End = 'back' | 'gone'

/** Until when a job waits, and what ended that before. */
class Wait {
  ended: End | null = null
  private tell: () => void = () => {}

  end(how: End): void {
    this.ended ??= how
    this.tell()
  }

  /** Resolves after so many milliseconds, or when it has ended. */
  async last(clock: Clock, ms: number): Promise<void> {
    if (this.ended || ms <= 0) return
    await new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve)
      this.tell = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

/** More of them free what they hold: all are recovered in one step where the worker dies. */
export const MOST_KEPT = 100
/** Who has no slot then lets others have what it keeps. */
const LONGEST_WAIT_MS = 5_000

/** Jobs that failed and keep what they hold until they are tried again: in flight meanwhile, and in no slot of a worker. */
export class KeptJobs {
  private readonly terms: KeepingTerms
  private readonly waits = new Map<string, Wait>()
  private stopped = false

  constructor(terms: KeepingTerms) {
    this.terms = terms
  }

  get hasRoom(): boolean {
    return !this.stopped && this.waits.size < MOST_KEPT
  }

  /** Resolves when it was tried again, or nothing of it is kept any more. `told`: what the store says to its failure. */
  keep(
    job: StoredJob,
    failed: FailedRetry,
    passes: readonly Pass[],
  ): { told: Promise<unknown>; over: Promise<void> } {
    const wait = new Wait()
    this.waits.set(job.id, wait)
    for (const pass of passes) pass.onLost(() => wait.end('back'))
    const told = this.terms.stay(job.id, { ...failed, stays: true })
    return { told, over: this.see(job, failed, { passes, wait, told }) }
  }

  /** Not this consumer's any more. */
  drop(id: string): void {
    this.waits.get(id)?.end('gone')
  }

  /** Nothing is kept from now on. */
  stop(how: End): void {
    this.stopped = true
    for (const wait of this.waits.values()) wait.end(how)
  }

  private async see(
    job: StoredJob,
    failed: FailedRetry,
    { passes, wait, told }: { passes: readonly Pass[]; wait: Wait; told: Promise<number> },
  ): Promise<void> {
    const { clock, again, back, release } = this.terms
    const dueMs = clock.monotonicMs() + failed.delayMs
    let fence = 0
    try {
      fence = await told
    } catch (error) {
      // Where that is not known, it is told before what follows.
      wait.end(error instanceof StaleDeliveryError ? 'gone' : 'back')
    }
    await wait.last(clock, dueMs - clock.monotonicMs())
    const hasRoom = await this.untilRoom(wait)
    if (this.waits.get(job.id) === wait) this.waits.delete(job.id)
    if (hasRoom && !wait.ended) return again(nextOf(job, failed, fence), fence, passes)
    if (wait.ended !== 'gone') back(job.id, Math.max(0, dueMs - clock.monotonicMs()))
    await Promise.all(passes.map(release))
  }

  private async untilRoom(wait: Wait): Promise<boolean> {
    const { clock, untilRoom } = this.terms
    const untilMs = clock.monotonicMs() + LONGEST_WAIT_MS
    for (let leftMs = LONGEST_WAIT_MS; leftMs > 0 && !wait.ended; ) {
      if (await untilRoom(leftMs)) return true
      leftMs = untilMs - clock.monotonicMs()
    }
    return false
  }
}

/** As a claim would answer it. A fence is the time of the engine in µs, or as good as that. */
function nextOf(job: StoredJob, { note }: FailedRetry, fence: number): StoredJob {
  const { passes: _, ...next } = { ...job, attempt: job.attempt + 1 }
  if (!note) return next
  const lines = packHistory(job.history ?? [])
  return { ...next, ...historyOf(withNote(lines, note, next.attempt, fence)) }
}
