// In which order jobs run that do not wait in line, as a user sees it.
import { describe, expect, it } from 'vitest'
import { ClosedError } from '../errors.ts'
import { createTestSluice } from '../testing/index.ts'

describe('the order of jobs', () => {
  it('follows lifo and priorities, and is the same after a delay', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q')
    await queue.add('line')
    await queue.add('behind', { priority: 7 })
    await queue.addMany(['before 1', 'before 2'], { priority: -7 })
    await queue.add('old', { lifo: true })
    await queue.add('new', { lifo: true, delay: '1s' })
    await clock.advance('1s')
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data), { concurrency: 1 })
    const expected = ['new', 'old', 'before 1', 'before 2', 'line', 'behind']
    await expect.poll(() => seen).toEqual(expected)
    const nowhere = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
    await expect.poll(() => queue.counts()).toEqual(nowhere)
    await sluice.close()
  })

  it('leaves out what is overdue, which is dead then', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q')
    await queue.add('too late', { deadline: '5s' })
    await queue.add('in time', { deadline: new Date(clock.wallMs() + 20_000), delay: '15s' })
    await clock.advance('10s')
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data))
    await clock.advance(0)
    await clock.advance('6s')
    await expect.poll(() => seen).toEqual(['in time'])
    expect(await queue.dead.list()).toMatchObject([
      { data: 'too late', attempts: 0, reason: 'its deadline passed' },
    ])
    await sluice.close()
  })

  it('stands still while the queue is paused, for workers and those who take by hand', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q')
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data))
    await clock.advance(0)
    await queue.pause()
    await queue.addMany(['a', 'b'])
    await queue.add('c', { delay: '1s' })
    await clock.advance('1m')
    expect(await queue.take({ max: 5 })).toEqual([])
    expect(seen).toEqual([])
    expect(await queue.counts()).toMatchObject({ ready: 2, timed: 1, paused: true })
    await queue.resume()
    await expect.poll(() => seen).toEqual(['a', 'b', 'c'])
    await sluice.close()
    await expect(queue.pause()).rejects.toThrow(ClosedError)
    await expect(queue.resume()).rejects.toThrow(ClosedError)
  })
})
