import { EngineUnavailableError, InternalError } from '../errors.ts'
import type { Kind } from './add-kinds.ts'
import type { Limits } from './room.ts'
import type { NewJob, QueueStore } from './store.ts'

/** A batch that has left. */
export interface Sent {
  /** What may leave before it is settled: jobs of its kind, or nothing where this is null. */
  readonly followed: Kind<NewJob, unknown> | null
  isSettled: boolean
  /** Resolves when those who added it were told what became of it. */
  readonly settled: Promise<void>
}

/** What the store answered, and the number of the last call that it took. */
interface Added {
  answers: unknown[]
  sequence: number
}

/** All of one call would be told as not added, and some are. */
export function partlyAdded(cause: unknown, added: number, all: number): EngineUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EngineUnavailableError(
    `The first ${added} of ${all} jobs were added, then: ${reason}`,
    {
      outcome: 'unknown',
      cause,
    },
  )
}

/** Numbers the batches of a producer, so that the store recognises one that comes again, and calls it. */
export class Sender {
  private readonly store: QueueStore
  private readonly queue: string
  private readonly producer: string
  private readonly limits: Limits
  private lastNumber = 0
  /** Of each kind, which the store numbers for itself. */
  private readonly lastAdded = new Map<unknown, number>()

  constructor(store: QueueStore, queue: string, producer: string, limits: Limits) {
    this.store = store
    this.queue = queue
    this.producer = producer
    this.limits = limits
  }

  nextNumber(): number {
    return ++this.lastNumber
  }

  /** Whether a second batch of that kind may be under way. */
  takesTwo(kind: Kind<NewJob, unknown>): boolean {
    return kind.behind(this.store) !== null
  }

  /**
   * More jobs than one call may carry take several.
   * @param before the batch that is under way, if there is one
   * @param goesOn asked before each call but the first, with how many were added
   */
  async send<Job extends NewJob>(
    kind: Kind<Job, unknown>,
    jobs: Job[],
    sequence: number,
    before: Sent | null,
    goesOn: (addedCount: number) => boolean,
  ): Promise<Added> {
    const answers: unknown[] = []
    let number = sequence
    for (let start = 0; start < jobs.length; start += kind.most) {
      if (start > 0) {
        if (!goesOn(answers.length)) break
        number = this.nextNumber()
      }
      const part = jobs.slice(start, start + kind.most)
      const added = await this.call(kind, part, number, before).catch((error: unknown) => {
        throw answers.length > 0 ? partlyAdded(error, answers.length, jobs.length) : error
      })
      if (added.length !== part.length)
        throw new InternalError('A batch of jobs was out of sequence.')
      this.lastAdded.set(kind, number)
      answers.push(...added)
    }
    return { answers, sequence: number }
  }

  private async call<Job extends NewJob>(
    kind: Kind<Job, unknown>,
    jobs: Job[],
    sequence: number,
    before: Sent | null,
  ): Promise<unknown[]> {
    const { queue, producer, limits } = this
    const lastAdded = () => this.lastAdded.get(kind) ?? 0
    const request = { queue, producer, sequence, lastAdded: lastAdded(), jobs, ...limits }
    const behind = before && kind.behind(this.store)
    if (!behind) return kind.call(this.store, request)
    try {
      return await behind(request, before.settled.then(lastAdded))
    } finally {
      // Who added before is told before, and a batch that is tried again leaves when no other one is under way.
      await before.settled
    }
  }
}
