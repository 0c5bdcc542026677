// Behaviours of locks that the tests of other projects name, and that no test beside the sources holds.
// Which project, and which test of it: see test/ported.md.
import { describe, expect, it } from 'vitest'
import { LockTimeoutError } from '../../src/index.ts'
import { engines } from '../engines.ts'
import { failureOf } from '../fault/connect.ts'
import { watched } from '../faults.ts'
import { timed } from '../stopwatch.ts'
import { join, places } from './places.ts'

const GRACE_MS = 250

describe.each(places)('a lock on $name', ({ open }) => {
  it('lets a hundred who ask at once in one at a time, and each has its turn', async () => {
    const { sluice, other } = open()
    let inside = 0
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? sluice : other).lock('a').run(
          async () => {
            inside += 1
            await new Promise((resolve) => setTimeout(resolve, 2))
            inside -= 1
            return inside
          },
          { wait: '1m' },
        ),
      ),
    )
    expect(seen).toEqual(seen.map(() => 0))
  })

  it('is waited for until its holder is done, also where the waiter in front has left', async () => {
    const { sluice, other } = open()
    const holder = await sluice.lock('a').acquire()
    const stop = new AbortController()
    const first = await join(sluice.lock('a'), () =>
      other.lock('a').acquire({ signal: stop.signal }),
    )
    const second = await join(sluice.lock('a'), () => other.lock('a').acquire({ wait: '1m' }))
    const waiting = watched(second.got)
    stop.abort('enough')
    expect(await failureOf(first.got)).toBe('enough')
    await expect.poll(async () => (await sluice.lock('a').inspect()).waiters.length).toBe(1)
    // Its place has moved up, and it may look as often as it likes.
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(waiting.isPending).toBe(true)
    holder.assertHeld()
    await holder.release()
    const next = await second.got
    expect(next.fence).toBeGreaterThan(holder.fence)
    await next.release()
  })

  it('is free at once after any number of waits that were in vain, each of which ended in time', async () => {
    const { sluice, other } = open()
    const holder = await sluice.lock('a').acquire()
    const WAIT_MS = 50
    for (let round = 0; round < 10; round++) {
      const { result, tookMs } = await timed(() =>
        Promise.all(
          [sluice, other, other].map((one) => failureOf(one.lock('a').acquire({ wait: WAIT_MS }))),
        ),
      )
      for (const failure of result) expect(failure).toBeInstanceOf(LockTimeoutError)
      expect(tookMs).toBeLessThan(WAIT_MS + GRACE_MS)
    }
    await expect.poll(async () => (await sluice.lock('a').inspect()).waiters).toEqual([])
    const last = await join(sluice.lock('a'), () => other.lock('a').acquire({ wait: '1m' }))
    const { result: next, tookMs } = await timed(async () => {
      await holder.release()
      return last.got
    })
    expect(tookMs).toBeLessThan(GRACE_MS)
    await next.release()
  })
})

describe.each(places)('a read-write lock on $name', ({ open }) => {
  it('refuses to upgrade what was released, and the release may be repeated', async () => {
    const { sluice, other } = open()
    const lease = await sluice.readWriteLock('a').upgradable().acquire()
    expect([await lease.release(), await lease.release()]).toEqual(['released', 'released'])
    expect(await failureOf(lease.upgrade())).toMatchObject({
      code: 'SLUICE_LOCK_LOST',
      reason: 'released',
    })
    const next = await other.readWriteLock('a').upgradable().tryAcquire()
    expect(await next?.release()).toBe('released')
  })

  it('tells no loss by an upgrade or its end to who listens, and does by a loss', async () => {
    const { sluice } = open()
    const lease = await sluice.readWriteLock('a').upgradable().acquire()
    const losses: unknown[] = []
    lease.signal.addEventListener('abort', () => losses.push(lease.signal.reason))
    const upgraded = await lease.upgrade()
    await upgraded.release()
    lease.assertHeld()
    expect(losses).toEqual([])
    await sluice.close()
    expect(losses).toMatchObject([{ code: 'SLUICE_LOCK_LOST', reason: 'closed' }])
  })
})

describe.each(engines)('a read-write lock on $name', ({ open }) => {
  it('has a writer in as soon as five hundred readers have died, in one call', async () => {
    const opened = await open()
    const { readWriteLock: store, clientId } = opened.first
    const terms = { name: 'a', ttlMs: 10_000, claimMs: 3_000, metadata: '', replicas: 0 }
    const ask = (owner: string, weight: number) =>
      store.acquire({
        ...{ ...terms, owner: `${clientId}.${owner}`, enqueue: false, heartbeat: false },
        demand: { weight, permits: 1_000_000, solo: false },
      })
    const readers = Array.from({ length: 500 }, (_, index) => ask(`r${index}`, 1))
    for (const answer of await Promise.all(readers)) expect(answer.tag).toBe('acquired')
    await opened.clock.advance(9_999)
    expect((await ask('early', 1_000_000)).tag).toBe('held')
    await opened.clock.advance(1)
    const { result, tookMs } = await timed(() => ask('w', 1_000_000))
    expect(result.tag).toBe('acquired')
    expect(tookMs).toBeLessThan(1_000)
    await opened.close()
  })
})
