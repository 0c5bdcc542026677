// Jobs that keep what they hold until they are tried again, `onRetry: 'keep'`: on every engine.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate, watched } from '../../test/faults.ts'
import { openGatedClients, WAYS_TO_ADD } from '../../test/queue-clients.ts'
import { fixedWindow } from '../limit/index.ts'
import { createTestSluice } from '../testing/index.ts'
import { Defer } from './defer.ts'
import { MOST_KEPT } from './kept-jobs.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const BACKOFF = { type: 'fixed', base: '10s' } as const

describe.each(engines)(
  'a job that keeps its gates until it is tried again, on $name',
  ({ open }) => {
    it.each(WAYS_TO_ADD)('begins again before all others of its lock: %s', async (way, how) => {
      const { clock, ours, theirs, locks } = await openGatedClients(open)
      const partitions = way.includes('partitions') ? 3 : 1
      const options = {
        onRetry: 'keep',
        lock: 'user:42',
        backoff: BACKOFF,
        history: 5,
        partitions,
      } as const
      const queue = ours.queue<string>('q', options)
      const seen: { data: string; attempt: number; fence: number }[] = []
      for (const queues of [ours, theirs]) {
        queues.queue<string>('q', options).work(({ data, attempt, fence, gates }) => {
          expect(gates).toMatchObject([{ gate: 'lock:user:42' }])
          seen.push({ data, attempt, fence })
          if (data === 'first' && attempt < 3) throw new Error(`no ${attempt}`)
        })
      }
      await queue.add('first', how)
      await expect.poll(() => seen.length).toBe(1)
      await queue.add('second')
      await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 1 })
      for (const runs of [1, 2]) {
        await clock.advance('8s')
        expect(seen.length).toBe(runs)
        expect(await locks.lock('user:42').tryAcquire()).toBe(null)
        await clock.advance('2500ms')
        await expect.poll(() => seen.length).toBeGreaterThan(runs)
      }
      await expect.poll(() => queue.counts()).toEqual(NOWHERE)
      expect(seen.map(({ data, attempt }) => `${data} ${attempt}`)).toEqual([
        ...['first 1', 'first 2', 'first 3', 'second 1'],
      ])
      const fences = seen.slice(0, 3).map(({ fence }) => fence)
      expect([...new Set(fences)]).toEqual(fences.toSorted((a, b) => a - b))
      await expect.poll(async () => (await locks.lock('user:42').inspect()).holder).toBe(null)
    })

    it.each(WAYS_TO_ADD)(
      'is dead after its last attempt, with all that failed: %s',
      async (way, how) => {
        const { clock, ours, locks } = await openGatedClients(open)
        const partitions = way.includes('partitions') ? 3 : 1
        const queue = ours.queue<string>('q', {
          ...{ onRetry: 'keep', lock: 'door', backoff: BACKOFF, partitions },
          ...{ attempts: 3, history: 5 },
        })
        let runs = 0
        queue.work(() => {
          throw new Error(`try ${++runs}`)
        })
        await queue.add('a', how)
        await expect.poll(() => runs).toBe(1)
        for (const after of [2, 3]) {
          await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
          await clock.advance('11s')
          await expect.poll(() => runs).toBe(after)
        }
        await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
        const [letter] = await queue.dead.list()
        expect(letter).toMatchObject({ attempts: 3, reason: 'Error: try 3' })
        expect(letter?.history?.map(({ attempt, reason }) => [attempt, reason])).toEqual([
          ...[1, 2, 3].map((attempt) => [attempt, `Error: try ${attempt}`]),
        ])
        expect(await locks.lock('door').tryAcquire()).not.toBe(null)
      },
    )

    it.each(WAYS_TO_ADD)(
      'frees all when its worker closes, and comes back when it is due: %s',
      async (way, how) => {
        const { clock, ours, theirs, locks } = await openGatedClients(open)
        const partitions = way.includes('partitions') ? 3 : 1
        const options = { onRetry: 'keep', lock: 'door', backoff: BACKOFF, partitions } as const
        const queue = ours.queue<string>('q', options)
        const seen: number[] = []
        const handler = ({ attempt }: { attempt: number }) => {
          seen.push(attempt)
          if (attempt === 1) throw new Error('no')
        }
        const worker = queue.work(handler)
        await queue.add('a', how)
        await expect.poll(() => seen).toEqual([1])
        await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
        await clock.advance('4s')
        await worker.close()
        expect(await queue.counts()).toEqual({ ...NOWHERE, timed: 1 })
        await (await locks.lock('door').acquire({ wait: 0 })).release()
        theirs.queue<string>('q', options).work(handler)
        await clock.advance('5s')
        expect(seen).toEqual([1])
        // What a record says of its time may be a moment later than what its ticket does.
        await expect
          .poll(() => clock.advance('1s').then(() => queue.counts()), { interval: 20 })
          .toEqual(NOWHERE)
        expect(seen).toEqual([1, 2])
      },
    )

    it('takes no slot meanwhile, and is cancelled', async () => {
      const { clock, ours, locks } = await openGatedClients(open)
      const queue = ours.queue<string>('q', { backoff: BACKOFF })
      const seen: string[] = []
      queue.work(
        ({ data, attempt }) => {
          seen.push(data)
          if (data === 'fails' && attempt === 1) throw new Error('no')
        },
        { concurrency: 1 },
      )
      await queue.add('fails', { id: 'mine', lock: 'door', onRetry: 'keep' })
      await expect.poll(() => seen).toEqual(['fails'])
      await queue.add('other')
      await expect.poll(() => seen).toEqual(['fails', 'other'])
      expect(await locks.lock('door').tryAcquire()).toBe(null)
      expect(await queue.get('mine')).toMatchObject({ state: 'waiting', attempts: 1 })
      expect(await queue.cancel('mine')).toBe('cancelled')
      await clock.advance('11s')
      await expect.poll(() => queue.counts()).toEqual(NOWHERE)
      await expect.poll(async () => (await locks.lock('door').inspect()).holder).toBe(null)
      expect(seen).toEqual(['fails', 'other'])
    })

    it('is tried again like others when it loses the lock', async () => {
      const { clock, ours, locks } = await openGatedClients(open)
      const queue = ours.queue<string>('q', { onRetry: 'keep', lock: 'door', backoff: BACKOFF })
      const seen: number[] = []
      queue.work(({ attempt }) => {
        seen.push(attempt)
        if (attempt === 1) throw new Error('no')
      })
      await queue.add('a')
      await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
      await expect.poll(() => seen).toEqual([1])
      await locks.lock('door').forceRelease({ reason: 'a test' })
      await clock.advance('6s')
      await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, timed: 1 })
      const held = await locks.lock('door', { ttl: '1h' }).acquire()
      await clock.advance('5s')
      await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
      await held.release()
      await expect.poll(() => queue.counts()).toEqual(NOWHERE)
      expect(seen).toEqual([1, 2])
    })

    it('is settled by hand', async () => {
      const { clock, ours, locks } = await openGatedClients(open)
      const queue = ours.queue<string>('q', { onRetry: 'keep', lock: 'door' })
      await queue.add('a')
      const [first] = await queue.take({ wait: '1s' })
      await first?.retry({ delay: '3s' })
      await expect(first?.retry()).rejects.toMatchObject({ code: 'SLUICE_STALE_DELIVERY' })
      expect(await queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
      expect(await locks.lock('door').tryAcquire()).toBe(null)
      const now = watched(queue.take({ wait: 0 }))
      await expect.poll(() => now.isPending).toBe(false)
      expect(now.value).toEqual([])
      const taking = queue.take({ wait: '20s' })
      await clock.advance('3s')
      const [second] = await taking
      expect(second).toMatchObject({ id: first?.id, attempt: 2, gates: [{ gate: 'lock:door' }] })
      await second?.retry({ delay: '1s' })
      // Nobody asks for it in time.
      await clock.advance('7s')
      await expect.poll(() => queue.counts()).toMatchObject({ inFlight: 0 })
      await (await locks.lock('door').acquire({ wait: 0 })).release()
      const [third] = await queue.take({ wait: '1s' })
      expect(third).toMatchObject({ id: first?.id, attempt: 3 })
      await third?.ack()
    })
  },
)

describe("what 'keep' keeps", () => {
  it('is said of a queue, and otherwise with an add', async () => {
    const { sluice, clock } = createTestSluice()
    const seen: string[] = []
    for (const onRetry of ['keep', 'free'] as const) {
      const queue = sluice.queue<string>(onRetry, {
        backoff: BACKOFF,
        lock: (name) => name,
        onRetry,
      })
      queue.work(({ data, attempt }) => {
        seen.push(`${onRetry} ${data} ${attempt}`)
        if (attempt === 1) throw new Error('no')
      })
      await queue.add(`${onRetry} by itself`)
      await queue.add(`${onRetry} keeps`, { onRetry: 'keep' })
      await queue.add(`${onRetry} frees`, { onRetry: 'free' })
      await expect.poll(() => seen.length).toBe(onRetry === 'keep' ? 3 : 6)
    }
    const isFree = async (name: string) => (await sluice.lock(name).inspect()).holder === null
    await expect.poll(() => isFree('keep frees')).toBe(true)
    await expect.poll(() => isFree('free frees')).toBe(true)
    await expect.poll(() => isFree('free by itself')).toBe(true)
    for (const name of ['keep by itself', 'keep keeps', 'free keeps']) {
      expect(await isFree(name), name).toBe(false)
    }
    await clock.advance('11s')
    await expect.poll(() => seen.length).toBe(12)
    await sluice.close()
  })

  it('are locks, permits and concurrency, also a lock of Defer; units of a limit are asked for anew', async () => {
    const { sluice, clock } = createTestSluice()
    const limiter = sluice.limiter('smtp', fixedWindow({ limit: 9, per: '1h' }))
    const queue = sluice.queue<string>('q', {
      ...{ onRetry: 'keep', backoff: BACKOFF, lock: 'a' },
      semaphore: { name: 'pool', permits: 2, weight: 2 },
      concurrency: { total: 1 },
      limit: { use: limiter, key: 'all' },
    })
    const seen: [number, string[]][] = []
    queue.work(({ attempt, gates }) => {
      const names = gates.map(({ gate }) => gate).sort()
      seen.push([attempt, names])
      if (!names.includes('lock:m')) throw new Defer({ until: sluice.lock('m') })
      if (attempt === 1) throw new Error('no')
    })
    await queue.add('one')
    await expect.poll(() => seen.length).toBe(2)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
    expect(await sluice.lock('m').tryAcquire()).toBe(null)
    expect(await sluice.lock('a').tryAcquire()).toBe(null)
    expect(await sluice.semaphore('pool', { permits: 2 }).tryAcquire()).toBe(null)
    await clock.advance('11s')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect((await limiter.peek('all', { cost: 0 })).remaining).toBe(6)
    const own = ['limit:smtp:all', 'lock:a', 'semaphore:pool', 'semaphore:queue:q']
    expect(seen.at(0)).toEqual([1, own])
    expect(seen.at(-1)).toEqual([2, ['limit:smtp:all', 'lock:a', 'lock:m', ...own.slice(2)]])
    await sluice.close()
  })

  it('is kept of a paused queue, too: what is in flight goes on, and nothing else begins', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', { onRetry: 'keep', backoff: BACKOFF, lock: 'door' })
    const seen: string[] = []
    queue.work(({ data, attempt }) => {
      seen.push(`${data} ${attempt}`)
      if (attempt === 1) throw new Error('no')
    })
    await queue.addMany(['a', 'b'])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 1 })
    await expect.poll(() => seen).toEqual(['a 1'])
    await queue.pause()
    await clock.advance('11s')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1, paused: true })
    expect(seen).toEqual(['a 1', 'a 2'])
    await sluice.close()
  })

  it('is freed where its limit has no budget then', async () => {
    const { sluice, clock } = createTestSluice()
    const limiter = sluice.limiter('smtp', fixedWindow({ limit: 1, per: '1h' }))
    const queue = sluice.queue<string>('q', {
      ...{ onRetry: 'keep', backoff: BACKOFF, lock: 'a' },
      limit: { use: limiter, key: 'all' },
    })
    queue.work(() => {
      throw new Error('no')
    })
    await queue.add('one')
    await expect.poll(() => queue.counts()).toMatchObject({ inFlight: 1 })
    await clock.advance('11s')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    await expect.poll(async () => (await sluice.lock('a').inspect()).holder).toBe(null)
    await sluice.close()
  })

  it('is freed by who has no slot in time', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', { onRetry: 'keep', backoff: BACKOFF })
    const stuck = gate()
    const worker = queue.work(
      async ({ data }) => {
        if (data === 'fails') throw new Error('no')
        await stuck.opened
      },
      { concurrency: 1 },
    )
    await queue.add('fails', { lock: 'door' })
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
    await queue.add('stuck')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 2 })
    await clock.advance('12s')
    expect(await sluice.lock('door').tryAcquire()).toBe(null)
    await clock.advance('4s')
    await expect.poll(async () => (await sluice.lock('door').inspect()).holder).toBe(null)
    expect(await queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, ready: 1 })
    stuck.open()
    await worker.close()
    await sluice.close()
  })

  it(`is kept of ${MOST_KEPT} jobs at a time, and others free theirs`, async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', {
      onRetry: 'keep',
      backoff: BACKOFF,
      lock: (name) => name,
    })
    let runs = 0
    queue.work(({ attempt }) => {
      runs++
      if (attempt === 1) throw new Error('no')
    })
    await queue.addMany(Array.from({ length: MOST_KEPT + 5 }, (_, n) => `door ${n}`))
    await expect.poll(() => runs).toBe(MOST_KEPT + 5)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: MOST_KEPT, timed: 5 })
    await clock.advance('11s')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(runs).toBe(2 * (MOST_KEPT + 5))
    await sluice.close()
  })

  it.each([['both'], [true], [null], ['']])('is refused to be said as %s', async (onRetry) => {
    const { sluice } = createTestSluice()
    const wrong = { onRetry: onRetry as 'keep' }
    expect(() => sluice.queue('q', wrong)).toThrow(/queue\.onRetry must be 'keep' or 'free'/)
    await expect(sluice.queue('q').add(1, wrong)).rejects.toThrow(/add\.onRetry/)
    await sluice.close()
  })
})
