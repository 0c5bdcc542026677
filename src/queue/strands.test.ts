// Jobs of one key, as a user sees them.
import { describe, expect, it } from 'vitest'
import { createTestSluice } from '../testing/index.ts'
import { KeyFullError, NotAddressableError } from './errors.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

describe('jobs of a key', () => {
  it('run one after the other in two workers of many slots, and other keys beside them', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<{ key: string; n: number }>('q')
    const running = new Map<string, number>()
    const ended = new Map<string, number[]>()
    let most = 0
    let beside = 0
    const handler = async ({ data: { key, n } }: { data: { key: string; n: number } }) => {
      running.set(key, (running.get(key) ?? 0) + 1)
      most = Math.max(most, running.get(key) ?? 0)
      beside = Math.max(beside, [...running.values()].filter((count) => count > 0).length)
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      running.set(key, (running.get(key) ?? 0) - 1)
      ended.set(key, [...(ended.get(key) ?? []), n])
    }
    for (let worker = 0; worker < 2; worker++) queue.work(handler, { concurrency: 20 })
    const keys = ['a', 'b', 'c', 'd']
    const numbers = Array.from({ length: 25 }, (_, n) => n)
    await Promise.all(numbers.flatMap((n) => keys.map((key) => queue.add({ key, n }, { key }))))
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(most).toBe(1)
    expect(beside).toBeGreaterThan(1)
    for (const key of keys) expect(ended.get(key)).toEqual(numbers)
    await sluice.close()
  })

  it('wait for one that is tried again, until it is dead', async () => {
    const { sluice, clock } = createTestSluice()
    const backoff = { type: 'fixed', base: '1s' } as const
    const queue = sluice.queue<string>('q', { attempts: 2, backoff })
    const seen: string[] = []
    queue.work(({ data, attempt, id }) => {
      seen.push(`${data} ${attempt} ${id.length}`)
      if (data === 'bad') throw new Error('no')
    })
    await queue.addMany(['bad', 'next'], { key: 'user:42' })
    await queue.add('other', { key: 'user:43' })
    await expect.poll(() => seen).toEqual(['bad 1 16', 'other 1 16'])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, ready: 1, timed: 1 })
    await clock.advance('1s')
    await expect.poll(() => seen.slice(2)).toEqual(['bad 2 16', 'next 1 16'])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    expect(await queue.dead.list()).toMatchObject([
      { data: 'bad', attempts: 2, reason: 'Error: no' },
    ])
    await sluice.close()
  })

  it('are taken, retried and failed by hand', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.addMany([1, 2, 3], { key: 'k' })
    const [one, ...none] = await queue.take({ max: 5 })
    expect([one?.data, none.length]).toEqual([1, 0])
    await one?.retry({ delay: 0 })
    const [again] = await queue.take({ max: 5, wait: '1s' })
    expect([again?.data, again?.attempt, again?.id]).toEqual([1, 2, one?.id])
    await again?.fail('no')
    const [two] = await queue.take({ max: 5, wait: '1s' })
    await two?.ack()
    const [three] = await queue.take({ max: 5, wait: '1s' })
    expect([two?.data, three?.data]).toEqual([2, 3])
    expect(await queue.list({ state: 'inFlight' })).toMatchObject({
      jobs: [{ data: 3, key: 'k', behind: 0 }],
    })
    await sluice.close()
  })

  it('are refused where too much of their key waits, and cannot be looked up', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<string>('q')
    const big = 'x'.repeat(1_000_000)
    const added = await queue.add(big, { key: 'k' })
    await expect(added.result()).rejects.toThrow(NotAddressableError)
    for (const call of ['get', 'cancel', 'runNow'] as const)
      await expect(queue[call](added.id)).rejects.toThrow(NotAddressableError)
    const error = await queue.addMany([big, big, big, 'small'], { key: 'k' }).catch((e) => e)
    expect(error).toBeInstanceOf(KeyFullError)
    expect(error).toMatchObject({ added: 2, outcome: 'unknown' })
    const none = await queue.add(big, { key: 'k' }).catch((e) => e)
    expect(none).toMatchObject({ added: 0, outcome: 'not-applied', retryable: true })
    await queue.add(big, { key: 'other' })
    expect((await queue.counts()).ready).toBe(4)
    expect(await queue.drain()).toBe(4)
    await sluice.close()
  })
})
