// Jobs taken by hand as they come.
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTestSluice } from '../testing/index.ts'

function open() {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  return { sluice, clock, queue: sluice.queue<number>('q') }
}

const EMPTY = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

describe('deliveries', () => {
  it('come one after the other, and wait for what is added later', async () => {
    const { queue, clock } = open()
    await queue.addMany([1, 2])
    const seen: number[] = []
    const controller = new AbortController()
    const reading = (async () => {
      for await (const delivery of queue.deliveries({ signal: controller.signal })) {
        seen.push(delivery.data)
        await delivery.ack()
      }
    })()
    await clock.advance('1s')
    await queue.add(3)
    await queue.add(4, { delay: '1h' })
    await clock.advance('2h')
    expect(seen).toEqual([1, 2, 3, 4])
    controller.abort()
    await reading
    await queue.add(5)
    await clock.advance('1s')
    expect(await queue.counts()).toEqual({ ...EMPTY, ready: 1 })
  })

  it('are at most so many that are not settled', async () => {
    const { queue, clock } = open()
    await queue.addMany([1, 2, 3, 4, 5])
    const iterator = queue.deliveries({ max: 3 })
    const first = await iterator.next()
    const second = await iterator.next()
    const third = await iterator.next()
    const fourth = iterator.next()
    await clock.advance('1s')
    expect(await queue.counts()).toMatchObject({ ready: 2, inFlight: 3 })
    await second.value?.ack()
    expect((await fourth).value?.data).toBe(4)
    expect([first, third].map(({ value }) => value?.data)).toEqual([1, 3])
    expect(await queue.counts()).toMatchObject({ ready: 1, inFlight: 3 })
    const fifth = iterator.next()
    // Not settled in time: over as well, and it comes again later.
    await clock.advance('6m')
    expect((await fifth).value?.data).toBe(5)
  })

  it('hand back what was taken and not given out when the loop is left', async () => {
    const { queue, clock } = open()
    await queue.addMany([1, 2, 3])
    for await (const delivery of queue.deliveries({ max: 10 })) {
      await delivery.ack()
      break
    }
    await clock.advance(10)
    expect(await queue.counts()).toEqual({ ...EMPTY, ready: 2 })
    expect((await queue.take({ max: 5 })).map(({ data, attempt }) => [data, attempt])).toEqual([
      [2, 1],
      [3, 1],
    ])
  })

  it('end when the signal aborts inside the loop, or did before', async () => {
    const { queue, clock } = open()
    await queue.addMany([1, 2, 3])
    const controller = new AbortController()
    const seen: number[] = []
    for await (const delivery of queue.deliveries({ max: 10, signal: controller.signal })) {
      seen.push(delivery.data)
      controller.abort()
    }
    for await (const delivery of queue.deliveries({ signal: controller.signal })) {
      seen.push(delivery.data)
    }
    expect(seen).toEqual([1])
    await clock.advance(10)
    // What was given out is its owner's to settle.
    expect(await queue.counts()).toEqual({ ...EMPTY, ready: 2, inFlight: 1 })
  })

  it('end when everything closes, and nothing stays in flight', async () => {
    const { sluice, queue, clock } = open()
    await queue.add(1)
    const ended = (async () => {
      const seen: unknown[] = []
      for await (const { data } of queue.deliveries({ max: 2 })) seen.push(data)
      return seen
    })()
    await clock.advance('1s')
    const counts = () => sluice.queue('q').counts()
    expect(await counts()).toEqual({ ...EMPTY, inFlight: 1 })
    await sluice.close()
    expect(await ended).toEqual([1])
    expect(() => queue.deliveries()).toThrow('closed')
  })
})
