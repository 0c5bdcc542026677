// Behaviours of semaphores that the tests of other projects name, and that no test beside the sources
// holds. Which project, and which test of it: see test/ported.md.
import { describe, expect, it } from 'vitest'
import { failureOf } from '../fault/connect.ts'
import { watched } from '../faults.ts'
import { join, places } from './places.ts'

describe.each(places)('a semaphore on $name', ({ open }) => {
  const how = { permits: 3 }

  it('frees what a permit weighs, once, however often and in whatever way it is released', async () => {
    const { sluice, other } = open()
    const heavy = await sluice.semaphore('a', how).acquire({ weight: 2 })
    const light = await other.semaphore('a', how).acquire()
    const next = await join(sluice.semaphore('a', how), () =>
      other.semaphore('a', how).acquire({ weight: 2, wait: '1m' }),
    )
    const behind = await join(sluice.semaphore('a', how), () =>
      other.semaphore('a', how).acquire({ wait: '1m' }),
    )
    const waiting = watched(behind.got)
    await Promise.all([heavy.release(), heavy.release(), heavy[Symbol.asyncDispose]()])
    expect((await next.got).weight).toBe(2)
    expect(await heavy.release()).toBe('released')
    expect(await sluice.semaphore('a', how).tryAcquire()).toBe(null)
    expect(waiting.isPending).toBe(true)
    expect(await sluice.semaphore('a', how).inspect()).toMatchObject({ used: 3 })
    await light.release()
    expect((await behind.got).weight).toBe(1)
  })

  it('is not left taken by work that throws, at once or later', async () => {
    const { sluice, other } = open()
    const own = new Error('own')
    const broken = [
      () => {
        throw own
      },
      () => Promise.reject(own),
    ]
    for (const work of broken) {
      expect(await failureOf(sluice.semaphore('a', how).run(work, { weight: 3 }))).toBe(own)
      const permit = await other.semaphore('a', how).tryAcquire({ weight: 3 })
      expect(await permit?.release()).toBe('released')
    }
  })

  it('is not taken later by a waiter that was cancelled', async () => {
    const { sluice, other } = open()
    const holder = await sluice.semaphore('a', how).acquire({ weight: 3 })
    const stop = new AbortController()
    const cancelled: Promise<unknown>[] = []
    for (const weight of [1, 2, 3]) {
      const { got } = await join(sluice.semaphore('a', how), () =>
        other.semaphore('a', how).acquire({ weight, signal: stop.signal }),
      )
      cancelled.push(got)
    }
    stop.abort('enough')
    for (const got of cancelled) expect(await failureOf(got)).toBe('enough')
    await holder.release()
    await expect
      .poll(() => sluice.semaphore('a', how).inspect())
      .toMatchObject({ used: 0, waiters: [] })
    const all = await sluice.semaphore('a', how).tryAcquire({ weight: 3 })
    expect(all?.weight).toBe(3)
  })
})
