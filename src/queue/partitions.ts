import { crc32 } from 'node:zlib'
import type { Clock } from '../clock.ts'
import { ArgumentError, EngineUnavailableError } from '../errors.ts'
import { isPassing } from '../gate/watchers.ts'
import { type Reader, readName } from '../options.ts'
import { describe } from '../text.ts'
import { untilAnswered } from './again.ts'
import type { QueueStore, StoredJob } from './store.ts'

/** Which of `count` partitions has the jobs of a key, and the job of an id: the same in every process. */
export const partitionOf = (key: string, count: number) => (count === 1 ? 0 : crc32(key) % count)

/** The id that users see: ids are unique within a partition. The first one has them as they are. */
export const outerId = (id: string, partition: number) =>
  partition === 0 ? id : `${id}.${partition}`

export const outerJob = <Job extends StoredJob>(job: Job, partition: number): Job =>
  partition === 0 ? job : { ...job, id: outerId(job.id, partition) }

/** An id as the store knows it, and in which partition. */
export function innerId(outer: string): [id: string, partition: number] {
  const dot = outer.indexOf('.')
  return dot < 0 ? [outer, 0] : [outer.slice(0, dot), Number(outer.slice(dot + 1))]
}

/** Names of the partitions of one queue, as all of its clients have agreed: the first one is the queue's own. */
export class Partitions {
  private readonly store: QueueStore
  private readonly queue: string
  /** What this process says; null follows the others. */
  private readonly said: number | null
  private asking: Promise<readonly string[]> | null = null
  /** Null until they are known. */
  names: readonly string[] | null = null

  constructor(store: QueueStore, queue: string, said: number | null) {
    this.store = store
    this.queue = queue
    this.said = said
  }

  /** @throws {SettingsMismatchError} if others say another number; {@link EngineUnavailableError} */
  ask(): Promise<readonly string[]> {
    if (this.names) return Promise.resolve(this.names)
    this.asking ??= this.agree().finally(() => {
      this.asking = null
    })
    return this.asking
  }

  /**
   * The same for who goes on without: while the engine is away it is a matter of the calls that follow.
   * @throws {SettingsMismatchError}
   */
  async askIfThere(): Promise<void> {
    if (this.names) return
    await this.ask().catch((error: unknown) => {
      if (!(error instanceof EngineUnavailableError)) throw error
    })
  }

  /** What can be used at once: a process that says nothing may begin with the first one. */
  get atOnce(): readonly string[] | null {
    if (this.names) return this.names
    if (this.said !== null) return null
    this.ask().catch(() => {})
    return [this.queue]
  }

  /** For who can wait: insists while the engine is away. Null if it is over before. */
  insist(
    clock: Clock,
    isOver: () => boolean,
  ): Promise<readonly string[] | null | { refused: unknown }> {
    const call = () =>
      this.ask().catch((error: unknown) => {
        if (isPassing(error)) throw error
        return { refused: error }
      })
    return untilAnswered<readonly string[] | { refused: unknown }>({ clock, call, isOver })
  }

  private async agree(): Promise<readonly string[]> {
    this.names = await this.store.agreePartitions(this.queue, this.said)
    return this.names
  }
}

const SUFFIX = /\/partition\/\d+[a-z]*$/

/** The name of a partition but the first: with letters behind it where the engine wants it elsewhere. */
export const partitionName = (queue: string, partition: number, letters = '') =>
  `${queue}/partition/${partition}${letters}`

/** The queue that a partition is of. */
export const queueOfPartition = (name: string) => name.replace(SUFFIX, '')

/** @throws {ArgumentError} for the name of a partition of another queue */
export const readQueueName: Reader<string> = (value, argument) => {
  const name = readName(value, argument)
  if (!SUFFIX.test(name)) return name
  throw new ArgumentError(argument, 'text that does not end like a partition', describe(value))
}
