// What a job taken by hand may do beside being settled.
import { describe, expect, it, onTestFinished } from 'vitest'
import { BAD_DURATIONS, expectRefusal, unchecked } from '../../test/bad-input.ts'
import { StaleDeliveryError } from '../errors.ts'
import { createTestSluice } from '../testing/index.ts'

/** A delivery of the one job of a queue whose `timeout` is 10 s. */
async function taken() {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  const queue = sluice.queue<string>('q', { timeout: '10s' })
  await queue.add('a')
  const [delivery] = await queue.take()
  if (!delivery) throw new Error('nothing was taken')
  return { queue, clock, delivery }
}

describe('extend', () => {
  it('gives a delivery more time, from now on', async () => {
    const { queue, clock, delivery } = await taken()
    await clock.advance('9s')
    await delivery.extend('1m')
    await clock.advance('59s')
    expect(delivery.signal.aborted).toBe(false)
    await delivery.extend('5s')
    await clock.advance('4s')
    await delivery.ack()
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('may also leave it less, and what is over is over', async () => {
    const { queue, clock, delivery } = await taken()
    await delivery.extend('1s')
    await clock.advance('1s')
    expect(delivery.signal.reason).toBeInstanceOf(StaleDeliveryError)
    await expect(delivery.extend('1m')).rejects.toBeInstanceOf(StaleDeliveryError)
    expect(await queue.counts()).toMatchObject({ timed: 1, inFlight: 0 })
  })

  it('is refused for one that was settled', async () => {
    const { delivery } = await taken()
    await delivery.ack()
    await expect(delivery.extend('1m')).rejects.toBeInstanceOf(StaleDeliveryError)
  })

  it('ends once: what it says later is not taken for what a newer delivery of its job says', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.add(1)
    const [first] = await queue.take()
    await first?.retry({ delay: 0 })
    const [second] = await queue.take({ wait: '1s' })
    expect(second?.attempt).toBe(2)
    const stale = { code: 'SLUICE_STALE_DELIVERY' }
    await expect(first?.ack()).rejects.toMatchObject(stale)
    await expect(first?.retry()).rejects.toMatchObject(stale)
    await expect(first?.defer({ until: 1 })).rejects.toMatchObject(stale)
    await expect(first?.fail()).rejects.toMatchObject(stale)
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 1, dead: 0 })
    await second?.ack()
    await sluice.close()
  })

  it('refuses what is no time, and changes nothing by that', async () => {
    const { clock, delivery } = await taken()
    for (const bad of [undefined, ...BAD_DURATIONS, 0, 0.5]) {
      await expectRefusal(() => delivery.extend(unchecked(bad)), 'extend.time')
    }
    await clock.advance('9s')
    expect(delivery.signal.aborted).toBe(false)
    await clock.advance('1s')
    expect(delivery.signal.aborted).toBe(true)
  })
})
