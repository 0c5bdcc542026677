import type { Clock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'
import { type Adding, NOW, readAdd, readAddMany, readEach } from './adding.ts'
import { Added, type AddedJob, type AddressedJobs } from './addressed.ts'
import type { Queue } from './api.ts'
import { KeyFullError } from './errors.ts'
import { newId, UNNAMED } from './naming.ts'
import type { Needs } from './needs.ts'
import type { AddOptions, SureAddOptions } from './options.ts'
import { type Partitions, partitionOf } from './partitions.ts'
import { encodePayload } from './payload.ts'
import type { Producers } from './producers.ts'
import type { NamedJob } from './record-store.ts'
import type { Limits } from './room.ts'
import { checkAllNew, checkAtOnce, checkNew, type Schema } from './schema.ts'
import { partlyAdded } from './sender.ts'
import type { NewJob, QueueStore } from './store.ts'
import type { Together } from './together.ts'

export interface AddTerms<Input> {
  store: QueueStore
  clock: Clock
  queue: string
  attempts: number
  schema: Schema | undefined
  limits: Limits
  partitions: Partitions
  producers: Producers
  addressed: AddressedJobs<Input>
  needs: Needs
  assertOpen: () => void
}

/** The ways into a queue: what is added is read and checked here, before anything is sent. */
export function waysIn<Input>(
  terms: AddTerms<Input>,
): Pick<Queue<unknown, Input>, 'add' | 'addMany' | 'addWithin'> {
  const { store, clock, queue, attempts, schema, limits, producers, addressed, assertOpen } = terms

  const newJob = (data: unknown, argument: string, adding: Adding): NewJob => {
    const json = encodePayload(data, argument)
    if (adding === NOW) return { payload: json, maxAttempts: attempts, delayMs: 0 }
    const { when, needs } = adding
    const payload = needs ? terms.needs.labelled(json, needs) : json
    const job: NewJob = { payload, maxAttempts: attempts, ...when }
    if (job.delayMs > 0) job.delayedUntilMs = clock.monotonicMs() + job.delayMs
    return job
  }

  async function addAll(jobs: NewJob[], { naming, key, demand }: Adding): Promise<AddedJob[]> {
    if (demand) await producers.checkDemand(demand)
    if (key !== null) return addKeyed(jobs, key)
    if (!naming) return addPlain(jobs, demand)
    return addNamed(
      jobs.map((job) => ({ ...job, ...naming, name: naming.name ?? newId() })),
      demand,
    )
  }

  const give = (id: string): AddedJob => new Added(addressed, id)

  /** No async function on the short way: those of an add were a third of its client's work. */
  function addOne(job: NewJob, adding: Adding): Promise<AddedJob> {
    const { naming, key, demand } = adding
    if (!naming && key === null && !demand) return producers.addOne(job, give)
    return addAll([job], adding).then(([added]) => added as AddedJob)
  }

  async function addPlain(
    jobs: NewJob[],
    demand: Adding['demand'],
    together: Together | null = null,
  ): Promise<AddedJob[]> {
    return (await producers.add(jobs, demand, together)).map(give)
  }

  async function addNamed(
    named: NamedJob[],
    demand: Adding['demand'],
    together: Together | null = null,
  ): Promise<AddedJob[]> {
    const answers = await producers.addNamed(named, demand, together)
    return answers.map(
      ({ number, isNew }, index) => new Added(addressed, named[index]?.name ?? '', isNew, number),
    )
  }

  async function addKeyed(
    jobs: NewJob[],
    key: string,
    together: Together | null = null,
  ): Promise<AddedJob[]> {
    const ids = await producers.addKeyed(jobs, key, together)
    const added = ids.filter((id) => id !== null)
    if (added.length < jobs.length) throw new KeyFullError(queue, key, added.length, jobs.length)
    return added.map(give)
  }

  /** Each with options of its own. Plain ones, those with an id, and those of each key travel apart. */
  async function addEach(jobs: NewJob[], addings: readonly Adding[]): Promise<AddedJob[]> {
    const demand = addings[0]?.demand ?? null
    if (demand) await producers.checkDemand(demand)
    const together = producers.together()
    const runs = runsOf(addings).map(([start, end]) => {
      const part = jobs.slice(start, end)
      const { naming, key } = addings[start] ?? NOW
      if (key !== null) return addKeyed(part, key, together)
      if (!naming) return addPlain(part, demand, together)
      const named = part.map((job, index) => {
        const naming = addings[start + index]?.naming ?? UNNAMED
        return { ...job, ...naming, name: naming.name ?? newId() }
      })
      return addNamed(named, demand, together)
    })
    // Going through many takes its time, too.
    together.goOn()
    const results = await Promise.allSettled(runs)
    const added = results.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = results.filter((one) => one.status === 'rejected').map(({ reason }) => reason)
    if (failed.length === 0) return added
    // Where one of them may have been added, that is what is to be said of all.
    const told = failed.find((reason) => reason?.outcome === 'unknown') ?? failed[0]
    throw added.length > 0 ? partlyAdded(told, added.length, jobs.length) : told
  }

  /** Nothing is asked within a transaction: who has not heard of partitions yet takes it that there is one. */
  function partitionOfName(name: string): string {
    const names = terms.partitions.atOnce
    if (names) return names[partitionOf(name, names.length)] ?? queue
    const expected =
      'left out of addWithin until the partitions are known: await one other call before'
    throw new ArgumentError('add.id', expected, describe(name))
  }

  return {
    add(data: Input, options?: SureAddOptions) {
      try {
        assertOpen()
        const adding = readAdd(options)
        const job = newJob(data, 'data', adding)
        const checked = checkNew(schema, job.payload, 'data')
        return checked ? checked.then(() => addOne(job, adding)) : addOne(job, adding)
      } catch (error) {
        return Promise.reject(error)
      }
    },

    async addMany(
      data: readonly Input[],
      options?: SureAddOptions | ((item: Input, index: number) => SureAddOptions),
    ) {
      assertOpen()
      if (!Array.isArray(data)) throw new ArgumentError('data', 'an array', describe(data))
      const each =
        typeof options === 'function'
          ? readEach(data.map((item, index) => options(item, index)))
          : null
      const shared = each ? NOW : readAddMany(options)
      const jobs = data.map((item, index) =>
        newJob(item, `data[${index}]`, each?.[index] ?? shared),
      )
      const checked = checkAllNew(schema, jobs, 'data')
      if (checked) await checked
      if (jobs.length === 0) return []
      return each ? addEach(jobs, each) : addAll(jobs, shared)
    },

    addWithin(transaction: object, data: Input, options?: AddOptions) {
      assertOpen()
      const adding = readAdd(options)
      const { naming, key, demand } = adding
      if (demand) {
        const expected = 'left out of addWithin: your transaction decides that'
        throw new ArgumentError('add.durability', expected, 'one')
      }
      if (key !== null) throw new ArgumentError('add.key', 'left out of addWithin', describe(key))
      const job = newJob(data, 'data', adding)
      checkAtOnce(schema, job.payload, 'data')
      if (!naming) return { id: store.addWithin(transaction, { queue, job, ...limits }) }
      const name = naming.name ?? newId()
      const named = { ...job, ...naming, name }
      store.addWithin(transaction, { queue: partitionOfName(name), job: named, ...limits })
      return { id: name }
    },
  }
}

/** Where neighbours that travel together begin and end. */
function runsOf(addings: readonly Adding[]): [start: number, end: number][] {
  const isNamed = (index: number) => addings[index]?.naming != null
  const goesOn = (index: number) =>
    isNamed(index) === isNamed(index - 1) && addings[index]?.key === addings[index - 1]?.key
  const starts = addings.map((_, index) => index)
  const firsts = starts.filter((index) => index === 0 || !goesOn(index))
  return firsts.map((start, index) => [start, firsts[index + 1] ?? addings.length])
}
