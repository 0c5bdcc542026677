// What is done with all jobs of a queue, as a user sees it.
import { describe, expect, it } from 'vitest'
import { ClosedError } from '../errors.ts'
import { createTestSluice } from '../testing/index.ts'
import { QueueBusyError } from './errors.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

describe('the contents of a queue', () => {
  it('can be listed by state, with data, page by page', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<{ n: number }>('q', { attempts: 1 })
    await queue.addMany([{ n: 1 }, { n: 2 }, { n: 3 }])
    await queue.add({ n: 4 }, { at: clock.wallMs() + 5_000 })
    const [delivery] = await queue.take()
    await delivery?.fail('no')
    const first = await queue.list({ state: 'ready', limit: 1 })
    expect(first).toMatchObject({ jobs: [{ data: { n: 2 }, attempts: 0 }] })
    const second = await queue.list({ state: 'ready', cursor: first.cursor })
    expect(second).toMatchObject({ jobs: [{ data: { n: 3 } }], cursor: null })
    expect((await queue.list({ state: 'timed' })).jobs).toEqual([
      {
        ...{ id: expect.any(String), data: { n: 4 }, attempts: 0 },
        dueAt: new Date(clock.wallMs() + 5_000),
      },
    ])
    expect((await queue.list({ state: 'dead' })).jobs).toMatchObject([
      { data: { n: 1 }, attempts: 1, reason: 'no', diedAt: new Date(clock.wallMs()) },
    ])
    expect((await queue.list({ state: 'inFlight' })).jobs).toEqual([])
    await sluice.close()
  })

  it('lists jobs with an id by that, with the data that they will run with, and each once', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.add(1, { id: 'first' })
    await queue.add(2, { id: 'later', delay: '1h' })
    await queue.add(3, { dedupe: { key: 'k', for: '10s', mode: 'debounce' } })
    await queue.add(4, { dedupe: { key: 'k', for: '10s', mode: 'debounce' } })
    await queue.add(5, { id: 'gone' })
    await queue.cancel('gone')
    expect((await queue.list({ state: 'ready' })).jobs).toEqual([
      { id: 'first', data: 1, attempts: 0 },
    ])
    await queue.runNow('later')
    expect((await queue.list({ state: 'timed' })).jobs).toEqual([
      { id: 'key:k', data: 4, attempts: 0, dueAt: new Date(clock.wallMs() + 10_000) },
    ])
    expect((await queue.list({ state: 'ready' })).jobs).toMatchObject([{ data: 1 }, { data: 2 }])
    const [delivery] = await queue.take()
    expect((await queue.list({ state: 'inFlight' })).jobs).toMatchObject([{ id: 'first' }])
    await delivery?.ack()
    await sluice.close()
  })

  it('can be drained: all that waits, and no more', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.addMany(Array.from({ length: 350 }, (_, index) => index))
    await queue.add(350, { delay: '1h' })
    const [delivery] = await queue.take()
    expect(await queue.drain()).toBe(350)
    expect(await queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
    await delivery?.ack()
    expect(await queue.drain()).toBe(0)
    await sluice.close()
  })

  it('can be obliterated, but not while something is in flight', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.addMany(Array.from({ length: 350 }, (_, index) => index))
    const [delivery] = await queue.take()
    const error = await queue.obliterate().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(QueueBusyError)
    expect(error).toMatchObject({ inFlight: 1, outcome: 'not-applied', retryable: true })
    expect((error as Error).message).toBe(
      'Queue "q" has 1 deliveries in flight, and was not obliterated. ' +
        'Close its workers, or pass { force: true }.',
    )
    await delivery?.fail('x')
    await queue.pause()
    expect(await queue.obliterate()).toBe(350)
    expect(await queue.counts()).toEqual(NOWHERE)
    await sluice.close()
    await expect(queue.drain()).rejects.toThrow(ClosedError)
    await expect(queue.obliterate()).rejects.toThrow(ClosedError)
  })

  it('goes with what is in flight where that is forced', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.addMany([1, 2, 3])
    const [delivery] = await queue.take()
    expect(await queue.obliterate({ force: true })).toBe(3)
    await expect(delivery?.ack()).rejects.toMatchObject({ code: 'SLUICE_STALE_DELIVERY' })
    expect(await queue.counts()).toEqual(NOWHERE)
    await sluice.close()
  })
})
