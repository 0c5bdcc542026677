// Jobs that are done, as users look at them, on every engine.
import { afterEach, describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import type { Queue } from './api.ts'
import type { JobEntry } from './contents.ts'
import type { QueueOptions } from './options.ts'
import { createQueues } from './queue.ts'

describe.each(engines)('jobs of queues that are done on $name', ({ open }) => {
  const cleanUps: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  })

  async function start(options: QueueOptions = { retain: { count: 1_000 } }) {
    const opened = await open()
    cleanUps.push(() => opened.close())
    const second = await opened.second()
    const queues = createQueues(opened.first.queue, opened.clock, 'here:1:a', 2_000)
    const others = createQueues(second.queue, opened.clock, 'there:1:b', 2_000)
    cleanUps.push(() => queues.close({ timeout: 0 }))
    cleanUps.push(() => others.close({ timeout: 0 }))
    const backoff = { type: 'fixed', base: 0 } as const
    const jobs = queues.queue<string>('q', { backoff, ...options })
    return { clock: opened.clock, jobs, theirs: others.queue<string>('q') }
  }

  const done = async (queue: Queue<string>, limit = 1_000) => {
    const found: JobEntry<string>[] = []
    for (let cursor: string | null = null; ; ) {
      const page = await queue.list({ state: 'done', limit, cursor })
      found.push(...page.jobs)
      cursor = page.cursor
      if (cursor === null) return found
    }
  }

  it('are there for every client, with their data, attempts and results', async () => {
    const { clock, jobs, theirs } = await start({ retain: { count: 1_000 }, history: 3 })
    const plain = await jobs.add('plain')
    const named = await jobs.add('named', { id: 'a' })
    const keyed = await jobs.add('keyed', { key: 'k' })
    jobs.work(({ data, attempt }) => {
      if (attempt === 1) throw new Error(`no ${data}`)
      return { told: data }
    })
    await expect.poll(() => theirs.list({ state: 'done' }).then((page) => page.jobs.length)).toBe(3)
    const found = await done(theirs)
    const of = (id: string) => found.find((job) => job.id === id)
    const history = (data: string) => [
      { attempt: 1, kind: 'failed', reason: `Error: no ${data}`, atMs: clock.wallMs() },
    ]
    const doneAt = new Date(clock.wallMs())
    expect(of(plain.id)).toEqual({
      ...{ id: plain.id, data: 'plain', attempts: 1, doneAt, history: history('plain') },
    })
    expect(of(named.id)).toEqual({
      ...{ id: 'a', data: 'named', attempts: 1, doneAt, result: { told: 'named' } },
      history: history('named'),
    })
    expect(of(keyed.id)).toEqual({
      ...{ id: keyed.id, data: 'keyed', attempts: 1, doneAt, key: 'k' },
      history: history('keyed'),
    })
    expect(await theirs.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    expect(await jobs.drain()).toBe(0)
    expect(await done(theirs)).toHaveLength(3)
    await theirs.obliterate({ force: true })
    expect(await done(theirs)).toEqual([])
  })

  it('are kept of what is taken by hand, and not where nobody says so', async () => {
    const { jobs, theirs } = await start({ retain: { count: 1, age: '1h' } })
    await jobs.addMany(['1', '2', '3'])
    for (const delivery of await jobs.take({ max: 2 })) await delivery.ack()
    expect((await done(jobs)).map(({ data }) => data)).toEqual(['2'])
    for (const delivery of await theirs.take({ max: 1 })) await delivery.ack()
    expect((await done(jobs)).map(({ data }) => data)).toEqual(['2'])
  })

  it('are kept in each partition, and listed from one to the next', async () => {
    const { jobs, theirs } = await start({ partitions: 3, retain: { count: 10 } })
    const added: string[] = []
    for (let turn = 0; turn < 9; turn++) added.push((await jobs.add(String(turn))).id)
    for (let name = 0; name < 9; name++) added.push((await jobs.add('n', { id: `id-${name}` })).id)
    jobs.work(() => {})
    await expect.poll(async () => (await done(theirs)).length).toBe(18)
    for (const limit of [1, 4, 1_000]) {
      expect((await done(theirs, limit)).map(({ id }) => id).sort()).toEqual([...added].sort())
    }
  })
})
