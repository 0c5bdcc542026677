// Failed attempts that are kept: what users see of them, on every engine.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate } from '../../test/faults.ts'
import { openQueueClients } from '../../test/queue-clients.ts'
import type { QueueOptions } from './options.ts'

describe.each(engines)('the history of jobs on $name', ({ open }) => {
  async function start(options: QueueOptions) {
    const { clock, ours } = await openQueueClients(open)
    const backoff = { type: 'fixed', base: '1s' } as const
    return { clock, jobs: ours.queue<string>('q', { backoff, ...options }) }
  }

  const WAYS = [
    ['plain', {}],
    ['with an id', { id: 'a' }],
    ['with a key', { key: 'a' }],
    ['in one of several partitions', { key: 'b' }],
  ] as const

  it.each(WAYS)('tells of a job %s why each attempt failed', async (way, how) => {
    const partitions = way.includes('partitions') ? 3 : 1
    const { clock, jobs } = await start({ history: 3, attempts: 3, timeout: '10s', partitions })
    await jobs.add('poison', how)
    const stuck = gate()
    let runs = 0
    const worker = jobs.work(async () => {
      runs++
      if (runs === 2) await stuck.opened
      throw new TypeError(`try ${runs}`)
    })
    await expect.poll(() => jobs.counts()).toMatchObject({ timed: 1 })
    const [waiting] = (await jobs.list({ state: 'timed' })).jobs
    expect(waiting?.history).toMatchObject([{ attempt: 1, reason: 'TypeError: try 1' }])
    await clock.advance('1s')
    await expect.poll(() => runs).toBe(2)
    await clock.advance('10s')
    await expect.poll(() => jobs.counts()).toMatchObject({ timed: 1 })
    const failedAtMs = clock.wallMs()
    await clock.advance('1s')
    await expect.poll(() => jobs.counts()).toMatchObject({ dead: 1, inFlight: 0 })
    await worker.close()
    stuck.open()
    const [letter] = await jobs.dead.list()
    expect(letter?.history).toMatchObject([
      { attempt: 1, kind: 'failed', reason: 'TypeError: try 1', atMs: failedAtMs - 11_000 },
      {
        attempt: 2,
        kind: 'timeout',
        reason: expect.stringMatching(/within 10000 ms/),
        atMs: failedAtMs,
      },
      { attempt: 3, kind: 'failed', reason: letter?.reason, atMs: letter?.diedAt.getTime() },
    ])
    const [entry] = (await jobs.list({ state: 'dead' })).jobs
    expect(entry).toMatchObject({ id: letter?.id, history: letter?.history })
    if ('id' in how) expect((await jobs.get(how.id))?.history).toEqual(letter?.history)
    expect(await jobs.dead.redrive()).toBe(1)
    const [delivery] = await jobs.take({ wait: '1s' })
    await delivery?.fail(new Error('still'))
    expect((await jobs.dead.list())[0]?.history?.map(({ reason }) => reason)).toEqual([
      ...[expect.stringMatching(/within 10000 ms/), 'TypeError: try 3', 'Error: still'],
    ])
  })

  it('tells of what was taken by hand', async () => {
    const { clock, jobs } = await start({ history: 20, attempts: 9, timeout: '10s' })
    await jobs.add('a')
    const [first] = await jobs.take()
    await first?.retry({ delay: 0 })
    await jobs.take({ wait: '1s' })
    await clock.advance('10s')
    await expect.poll(() => jobs.counts()).toMatchObject({ timed: 1 })
    const [{ history } = {}] = (await jobs.list({ state: 'timed' })).jobs
    expect(history).toMatchObject([
      { attempt: 1, kind: 'failed', reason: 'retried by its consumer' },
      { attempt: 2, kind: 'timeout', reason: 'not settled within the timeout' },
    ])
  })

  it('is empty where nobody asked for it', async () => {
    const { jobs } = await start({ attempts: 1 })
    await jobs.addMany(['a', 'b'], (item) => (item === 'a' ? { id: 'a' } : {}))
    const worker = jobs.work(() => {
      throw new Error('no')
    })
    await expect.poll(() => jobs.counts()).toMatchObject({ dead: 2, inFlight: 0 })
    await worker.close()
    for (const letter of await jobs.dead.list()) expect(letter).not.toHaveProperty('history')
    expect(await jobs.get('a')).toMatchObject({ state: 'dead', history: [] })
  })
})
