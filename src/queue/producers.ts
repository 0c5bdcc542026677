import type { Deadlines } from '../deadlines.ts'
import type { Demand } from './add-store.ts'
import type { Looks } from './consumer-terms.ts'
import { outerId, type Partitions, partitionOf } from './partitions.ts'
import { Producer } from './producer.ts'
import type { NamedAdd, NamedJob } from './record-store.ts'
import type { Limits } from './room.ts'
import type { NewJob, QueueStore } from './store.ts'
import { endOfTurn } from './turn.ts'

interface Terms {
  store: QueueStore
  deadlines: Deadlines
  producerId: string
  limits: Limits
  looksOf: (queue: string) => Looks
}

/** Adds jobs to the partitions of a queue, in the order of the calls in each: one producer for each. */
export class Producers {
  private readonly terms: Terms
  private readonly partitions: Partitions
  private readonly producers: Producer[] = []
  /** Those who asked before the partitions were known go first. */
  private waitingCount = 0
  private turn = 0
  private isSameTurn = false

  constructor(partitions: Partitions, terms: Terms) {
    this.partitions = partitions
    this.terms = terms
  }

  /** Whether what is added can be made as sure as that. Rejects where it cannot. */
  async checkDemand(demand: Demand): Promise<void> {
    const { store } = this.terms
    const names = await this.partitions.ask()
    await Promise.all(names.map((name) => store.checkDemand(name, demand)))
  }

  /** All of one turn go to one partition, and those of the next to the next one. */
  add(jobs: NewJob[], demand: Demand | null): Promise<string[]> {
    return this.inOrder(this.partitions.atOnce, async (names) => {
      const partition = this.partitionOfTurn(names.length)
      const ids = await this.producer(names, partition).add(jobs, demand)
      return partition === 0 ? ids : ids.map((id) => outerId(id, partition))
    })
  }

  /** The same of one job, where it need not be asked first what the partitions are: the short way. */
  addOne<Given>(job: NewJob, give: (id: string) => Given): Promise<Given> {
    const names = this.partitions.atOnce
    if (names?.length === 1 && this.waitingCount === 0)
      return this.producer(names, 0).addOne(job, give)
    return this.add([job], null).then(([id = '']) => give(id))
  }

  /** All of one key. */
  addKeyed(jobs: NewJob[], key: string): Promise<(string | null)[]> {
    return this.inOrder(this.partitions.names, async (names) => {
      const partition = partitionOf(key, names.length)
      const keyed = jobs.map((job) => ({ ...job, key }))
      const ids = await this.producer(names, partition).addKeyed(keyed)
      return ids.map((id) => id && outerId(id, partition))
    })
  }

  /** Each goes to the partition of its id. */
  addNamed(jobs: NamedJob[], demand: Demand | null): Promise<NamedAdd[]> {
    return this.inOrder(this.partitions.names, async (names) => {
      if (names.length === 1) return this.producer(names, 0).addNamed(jobs, demand)
      const parts = names.map((_, partition) =>
        jobs.filter(({ name }) => partitionOf(name, names.length) === partition),
      )
      const answers = await Promise.all(
        parts.map((part, partition) =>
          part.length === 0 ? [] : this.producer(names, partition).addNamed(part, demand),
        ),
      )
      return jobs.map(({ name }) => answers[partitionOf(name, names.length)]?.shift() as NamedAdd)
    })
  }

  /** Does it at once where that is possible, so that what is added in one turn goes together. */
  private async inOrder<T>(
    known: readonly string[] | null,
    work: (names: readonly string[]) => Promise<T>,
  ): Promise<T> {
    if (known && this.waitingCount === 0) return work(known)
    this.waitingCount++
    const names = await this.partitions.ask().finally(() => {
      this.waitingCount--
    })
    return work(names)
  }

  private partitionOfTurn(count: number): number {
    if (count === 1) return 0
    if (!this.isSameTurn) {
      this.isSameTurn = true
      this.turn = (this.turn + 1) % count
      void endOfTurn().then(() => {
        this.isSameTurn = false
      })
    }
    return this.turn % count
  }

  private producer(names: readonly string[], partition: number): Producer {
    const { store, deadlines, producerId, limits, looksOf } = this.terms
    const queue = names[partition] ?? ''
    const made = this.producers[partition]
    if (made) return made
    const share = (limit: number | undefined) => limit && Math.ceil(limit / names.length)
    const shares = { maxLength: share(limits.maxLength), maxBytes: share(limits.maxBytes) }
    const producer = new Producer(store, deadlines, queue, producerId, shares, looksOf(queue).idle)
    this.producers[partition] = producer
    return producer
  }
}
