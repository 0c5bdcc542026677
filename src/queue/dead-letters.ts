import { count, readOptions, withDefault } from '../options.ts'
import { upTo } from './contents.ts'
import type { FailedAttempt } from './history.ts'
import { pageLimit } from './options.ts'
import { decodeForView } from './payload.ts'
import { idOf } from './run.ts'
import type { ScheduleSlot } from './schedule-store.ts'
import type { WholeQueue } from './whole-queue.ts'

/** A job that will not be tried again, and why. */
export interface DeadLetter<Input> {
  /** As it was added, like that of its `Job`. Redriven, it is a plain job with a number. */
  id: string
  /** `undefined` if something else than sluice wrote the job, and it is not JSON. */
  data: Input
  /** Failed attempts. */
  attempts: number
  reason: string
  /** On the engine's clock. */
  diedAt: Date
  /** Of which slot of which schedule it is. */
  schedule?: ScheduleSlot
  /** Its failed attempts, the oldest first, where the queue's `history` says to keep them; the last is that of `reason`. */
  history?: FailedAttempt[]
}

/** What became of jobs that will not be tried again, and what to do with them. */
export interface DeadLetters<Input> {
  /** The oldest first, at most `limit`, by default 100, at most 1000. The newest 10,000 are kept. */
  list(options?: { limit?: number }): Promise<DeadLetter<Input>[]>
  /**
   * Makes dead jobs ready again, the oldest first, at most `limit`, by default all that are dead now: with
   * their ids, behind what is ready, as if they had never been tried. Resolves with how many. Where
   * it fails, those before are ready.
   * @throws {ArgumentError}, {@link StoreFullError}, {@link EngineUnavailableError}
   */
  redrive(options?: { limit?: number }): Promise<number>
  /** Removes dead letters for good, the oldest first, as many as `redrive` would take. */
  purge(options?: { limit?: number }): Promise<number>
}

const mostReader = withDefault(count(1, 10_000), undefined)

export function deadLetters<Input>(
  store: WholeQueue,
  queue: string,
  assertOpen: () => void,
): DeadLetters<Input> {
  async function eachDead(verb: 'redrive' | 'purge', options: unknown): Promise<number> {
    assertOpen()
    const { limit } = readOptions(`dead.${verb}`, options, { limit: mostReader })
    // Those that die again meanwhile are not taken twice.
    const most = limit ?? (await store.counts(queue)).dead
    return upTo(most, (part) => store[verb](queue, part))
  }

  return {
    async list(options) {
      const { limit } = readOptions('dead.list', options, { limit: pageLimit })
      const jobs = await store.listDead(queue, limit)
      return jobs.map((job) => ({
        id: idOf(job),
        data: decodeForView(job.payload) as Input,
        attempts: job.attempt,
        reason: job.reason,
        diedAt: new Date(job.diedAtMs),
        ...(job.schedule ? { schedule: job.schedule } : {}),
        ...(job.history ? { history: job.history } : {}),
      }))
    },
    redrive: (options) => eachDead('redrive', options),
    purge: (options) => eachDead('purge', options),
  }
}
