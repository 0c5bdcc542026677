// A queue that takes no more, as those see it who add.
import { describe, expect, it } from 'vitest'
import { createTestSluice } from '../testing/index.ts'
import { QueueFullError } from './errors.ts'

describe('a queue with a limit', () => {
  it('refuses what there is no room for, and says how much waits and what to do', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { maxLength: 2, maxBytes: 100 })
    await queue.addMany([1, 22])
    const error = await queue.add(3).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(QueueFullError)
    expect(error).toMatchObject({ length: 2, bytes: 3, outcome: 'not-applied', retryable: true })
    expect((error as Error).message).toBe(
      'Queue "q" is full: 2 jobs of 3 bytes wait, and its maxLength is 2, its maxBytes is 100. ' +
        'Add later, start more workers, or raise the limit.',
    )
    await (await queue.take())[0]?.ack()
    await queue.add(3)
    await sluice.close()
  })

  it('takes from those who add at once as many as there is room for', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<string>('q', { maxLength: 10, maxBytes: 60 })
    await queue.add('first')
    const adds = Array.from({ length: 20 }, (_, index) => queue.add(`job ${index % 10}`))
    const results = await Promise.allSettled(adds)
    const added = results.map(({ status }) => status === 'fulfilled')
    expect(added).toEqual(added.map((_, index) => index < 7))
    expect(await queue.counts()).toMatchObject({ ready: 8 })
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(QueueFullError)
    }
    await sluice.close()
  })

  it('refuses the rest of more than a thousand, and says how many there are', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { maxLength: 1_500 })
    const adding = queue.addMany(Array.from({ length: 2_500 }, (_, index) => index))
    await expect(adding).rejects.toMatchObject({
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      message: expect.stringMatching(
        /^The first 1000 of 2500 jobs were added, then: Queue "q" is full/,
      ),
      cause: expect.any(QueueFullError),
    })
    expect(await queue.counts()).toMatchObject({ ready: 1_000 })
    await sluice.close()
  })

  it('counts jobs with an id, and takes those that are there already', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<string>('q', { maxLength: 2 })
    await queue.add('a', { id: 'a' })
    const adds = ['a', 'b', 'c', 'a'].map((id) => queue.add(id, { id }))
    const results = await Promise.allSettled(adds)
    const answers = results.map((one) => (one.status === 'fulfilled' ? one.value.added : 'full'))
    expect(answers).toEqual([false, true, 'full', false])
    expect(await queue.counts()).toMatchObject({ ready: 2 })
    await sluice.close()
  })

  it('counts jobs of a key, and the data of those with an id or a key', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<string>('q', { maxLength: 3, maxBytes: 60 })
    const keyed = ['a', 'b', 'c', 'd'].map((data) => queue.add(data, { key: 'k' }))
    const results = await Promise.allSettled(keyed)
    expect(results.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    ])
    expect(results[3]).toMatchObject({ reason: expect.any(QueueFullError) })
    await queue.drain()
    await queue.add('x'.repeat(40), { id: 'big' })
    await expect(queue.add('x'.repeat(40), { id: 'other' })).rejects.toThrow(QueueFullError)
    await expect(queue.add('x'.repeat(40), { key: 'k' })).rejects.toThrow(QueueFullError)
    expect(await queue.add('x'.repeat(40), { id: 'big' })).toMatchObject({ added: false })
    await sluice.close()
  })
})
