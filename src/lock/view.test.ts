// What people read of a lock: who holds it and who waits, where they run and what they say of themselves.
import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'

const here = { host: hostname(), pid: process.pid }

describe('who holds and who waits', () => {
  it('is shown with host, process and metadata, by inspect and by list', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const nightly = { label: 'nightly "report" 100%', attempt: 3, isTest: true, city: 'Zürich 限' }
    const lease = await locks.lock('a', { metadata: nightly }).acquire()
    const waiting = [
      watched(others.lock('a', { metadata: { label: 'second' } }).acquire()),
      watched(locks.lock('a').acquire()),
    ]
    await clock.advance(100)
    const view = await others.lock('a').inspect()
    expect(view).toEqual({
      name: 'a',
      holder: {
        ...{ ...here, owner: lease.owner, fence: lease.fence, metadata: nightly },
        ...{ sinceMs: clock.wallMs() - 100, remainingMs: 29_900 },
      },
      waiters: [
        { ...here, owner: expect.any(String), metadata: { label: 'second' }, kind: 'caller' },
        { ...here, owner: expect.any(String), metadata: {}, kind: 'caller' },
      ],
    })
    expect(await locks.list(10)).toEqual([view])
    await lease.release()
    await clock.advance(0)
    const handedOver = await others.lock('a').inspect()
    expect(handedOver.holder).toMatchObject({
      ...here,
      owner: waiting[0]?.value?.owner,
      metadata: { label: 'second' },
    })
    expect(handedOver.waiters).toMatchObject([{ metadata: {} }])
  })

  it('says of several names what each of them is asked with', async () => {
    const { locks } = openFaultyLocks()
    await locks.lock(['a', 'b'], { metadata: { label: 'both' } }).acquire()
    const views = await locks.lock(['b', 'a']).inspect()
    expect(views.map(({ name, holder }) => [name, holder?.metadata])).toEqual([
      ['a', { label: 'both' }],
      ['b', { label: 'both' }],
    ])
  })

  it('is what was said when the lock was asked for, whatever became of it', async () => {
    const { locks } = openFaultyLocks()
    const metadata = { label: 'before' }
    const lock = locks.lock('a', { metadata })
    metadata.label = 'after'
    await lock.acquire()
    expect((await lock.inspect()).holder?.metadata).toEqual({ label: 'before' })
  })

  it('keeps keys of objects apart from objects', async () => {
    const { locks } = openFaultyLocks()
    const metadata = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}')
    await locks.lock('a', { metadata }).acquire()
    const shown = (await locks.lock('a').inspect()).holder?.metadata ?? {}
    expect(Object.entries(shown)).toEqual(Object.entries(metadata))
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype)
  })

  it.each(['nonsense', '{', '5', 'null', '"text"', 'true', '[1,2]'])(
    'shows what somebody else wrote there as nothing: %s',
    async (metadata) => {
      const { locks, store } = openFaultyLocks()
      await store.acquire({
        ...{ name: 'a', owner: 'elsewhere:77:0.1', ttlMs: 1_000, claimMs: 1_000, metadata },
        ...{ enqueue: false, heartbeat: false, replicas: 0, demand: { fair: true } },
      })
      expect((await locks.lock('a').inspect()).holder).toMatchObject({
        ...{ host: 'elsewhere', pid: 77, metadata: {} },
      })
      const shown = (await locks.lock('a').inspect()).holder?.metadata
      expect(Array.isArray(shown)).toBe(false)
    },
  )
})
