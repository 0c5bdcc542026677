import type { LimiterCounts } from '../limit/index.ts'
import type { Queue } from '../queue/index.ts'
import { insideOf, type Sluice } from '../sluice.ts'
import { listQueues, type Overview, type QueueRow, readOverview, type Section } from './overview.ts'

/** What is seen of a queue, and done to it, by those who neither add nor work. */
export type QueueDesk = Pick<
  Queue,
  | 'name'
  | 'counts'
  | 'list'
  | 'get'
  | 'why'
  | 'cancel'
  | 'change'
  | 'runNow'
  | 'pause'
  | 'resume'
  | 'drain'
  | 'obliterate'
  | 'dead'
  | 'schedules'
>

/** Views of everything on one engine, and what tools do to queues. Looking changes nothing. */
export interface Inspector {
  /**
   * Queues with counts, locks with holder and waiters, and charged limiter keys: at most 200 each.
   * @throws {EngineUnavailableError}, {@link ClosedError} after the Sluice was closed
   */
  overview(): Promise<Overview>
  /** Queues with counts, at most 200. @throws {EngineUnavailableError}, {@link ClosedError} */
  queues(): Promise<Section<QueueRow>>
  /** @throws {ArgumentError} for what is no name of a queue */
  queue(name: string): QueueDesk
  /**
   * What takes of this process were told, for each limiter that it made, by name: at most 1,000. Peeks
   * do not count. Asks no engine.
   */
  limiters(): LimiterCounts[]
}

/** @throws {ArgumentError} when `sluice` is not what `createSluice()` returned */
export function createInspector(sluice: Sluice): Inspector {
  const inside = insideOf(sluice)
  return {
    overview: () => readOverview(inside),
    queues: () => listQueues(inside.queues),
    queue: (name) => inside.queues.queue(name),
    limiters: () => inside.limits.counts(),
  }
}
