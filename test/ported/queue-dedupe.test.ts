// Jobs that belong together, in the situations that the tests of BullMQ name.
import { describe, expect, it } from 'vitest'
import type { Sluice } from '../../src/index.ts'
import { gate } from '../faults.ts'
import { places } from './places.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const SIMPLE = { dedupe: { key: 'k' } } as const
const KEEP_LAST = { dedupe: { key: 'k', mode: 'keep-last' } } as const
const ID = 'key:k'

describe.each(places)('jobs that belong together on $name', ({ open }) => {
  it('are none while one runs, also those that its own handler adds, and one after it', async () => {
    const { sluice, other } = open()
    const queue = other.queue<number>('work')
    const added: boolean[] = []
    sluice.queue<number>('work').work(
      async ({ data }) => {
        for (const next of [data + 1, data + 2]) {
          added.push((await queue.add(next, SIMPLE)).added)
        }
      },
      { concurrency: 5 },
    )
    for (const data of [1, 11]) {
      const job = await queue.add(data, SIMPLE)
      expect(job.added).toBe(true)
      await job.result()
    }
    expect(added).toEqual(Array(4).fill(false))
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
  })

  it.each([
    {
      how: 'was cancelled while it waited',
      end: async (sluice: Sluice) =>
        expect(await sluice.queue('work').cancel(ID)).toBe('cancelled'),
    },
    {
      how: 'was drained',
      end: async (sluice: Sluice) => expect(await sluice.queue('work').drain()).toBe(1),
    },
    {
      how: 'went with all of its queue',
      end: async (sluice: Sluice) => expect(await sluice.queue('work').obliterate()).toBe(1),
    },
  ])('are begun anew after one that $how', async ({ end }) => {
    const { sluice, other } = open()
    const queue = other.queue<number>('work')
    for (const how of [SIMPLE, { ...KEEP_LAST, delay: '1h' }] as const) {
      expect((await queue.add(1, how)).added).toBe(true)
      expect((await queue.add(2, how)).added).toBe(false)
      await end(sluice)
    }
    await queue.add(3, SIMPLE)
    const taken = await queue.take({ max: 5 })
    expect(taken.map(({ data }) => data)).toEqual([3])
  })

  it('follow with the last one that came, after one that fails for good while the queue is paused', async () => {
    const { sluice, other } = open()
    const queue = other.queue<number>('work', { attempts: 1 })
    const [isRunning, mayEnd] = [gate(), gate()]
    const ran: number[] = []
    sluice.queue<number>('work', { attempts: 1 }).work(
      async ({ data }) => {
        ran.push(data)
        if (data > 1) return
        isRunning.open()
        await mayEnd.opened
        throw new Error('on purpose')
      },
      { concurrency: 5 },
    )
    await queue.add(1, KEEP_LAST)
    await isRunning.opened
    await queue.pause()
    for (const data of [2, 3, 4]) await queue.add(data, KEEP_LAST)
    mayEnd.open()
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, ready: 1, dead: 1, paused: true })
    expect(ran).toEqual([1])
    await queue.resume()
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    expect(ran).toEqual([1, 4])
    expect((await queue.add(5, KEEP_LAST)).added).toBe(true)
    await expect.poll(() => ran).toEqual([1, 4, 5])
  })
})
