// Jobs that need a lock or a limit, as a user sees them.
import { describe, expect, it } from 'vitest'
import { watched } from '../../test/faults.ts'
import { fixedWindow, funnel } from '../limit/index.ts'
import { createTestSluice } from '../testing/index.ts'
import type { Job } from './run.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Counts who is in, by key. */
function watching() {
  const inside = new Map<string, number>()
  const most = new Map<string, number>()
  return {
    most,
    async stay(key: string, turns = 3) {
      inside.set(key, (inside.get(key) ?? 0) + 1)
      most.set(key, Math.max(most.get(key) ?? 0, inside.get(key) ?? 0))
      for (let at = 0; at < turns; at++) await turn()
      inside.set(key, (inside.get(key) ?? 0) - 1)
    },
  }
}

describe('a job that needs a lock', () => {
  it('waits parked while a plain caller holds it, and is handed it with a fence and no attempt spent', async () => {
    const { sluice } = createTestSluice()
    const held = await sluice.lock('user:42').acquire()
    const queue = sluice.queue<string>('q', { lock: (data) => `user:${data}` })
    const seen: Pick<Job<string>, 'data' | 'attempt' | 'gates'>[] = []
    queue.work(({ data, attempt, gates }) => {
      seen.push({ data, attempt, gates })
    })
    await queue.add('42')
    await queue.add('43')
    await expect.poll(() => seen.map(({ data }) => data)).toEqual(['43'])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    expect((await sluice.lock('user:42').inspect()).waiters).toMatchObject([
      { kind: 'job', metadata: { queue: 'q' } },
    ])
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    const [{ attempt, gates } = { attempt: 0, gates: [] }] = seen.slice(1)
    expect(attempt).toBe(1)
    expect(gates).toEqual([{ gate: 'lock:user:42', fence: expect.any(Number) }])
    expect(gates[0]?.fence).toBeGreaterThan(held.fence)
    expect((await sluice.lock('user:42').inspect()).holder).toBe(null)
    await sluice.close()
  })

  it('excludes others of two queues and plain callers, first come, first served', async () => {
    const { sluice } = createTestSluice()
    const { most, stay } = watching()
    const order: string[] = []
    const names = ['one', 'two']
    const queues = names.map((name) => sluice.queue<number>(name, { lock: 'shared' }))
    for (const [index, queue] of queues.entries()) {
      for (let worker = 0; worker < 2; worker++) {
        queue.work(async ({ data }) => {
          order.push(`${names[index]} ${data}`)
          await stay('shared')
        })
      }
    }
    const callers = Array.from({ length: 10 }, () =>
      sluice.lock('shared').run(() => stay('shared')),
    )
    await Promise.all(queues.map((queue) => queue.addMany(Array.from({ length: 20 }, (_, n) => n))))
    await Promise.all(callers)
    for (const queue of queues) await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(most.get('shared')).toBe(1)
    for (const name of names) {
      const numbers = order.filter((one) => one.startsWith(name)).map((one) => Number(one.slice(4)))
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, n) => n))
    }
    await sluice.close()
  })

  it('holds none of several while it waits for one of them', async () => {
    const { sluice } = createTestSluice()
    const held = await sluice.lock('b').acquire()
    const queue = sluice.queue<number>('q', { lock: ['a', 'b', 'c'] })
    const seen: string[][] = []
    queue.work(({ gates }) => {
      seen.push(gates.map(({ gate }) => gate))
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    for (const name of ['a', 'c']) {
      const other = await sluice.lock(name).tryAcquire()
      expect(other).not.toBe(null)
      await other?.release()
    }
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen.map((gates) => [...gates].sort())).toEqual([['lock:a', 'lock:b', 'lock:c']])
    await sluice.close()
  })

  it('is one of many: jobs that need two of four in any order all run', async () => {
    const { sluice } = createTestSluice()
    const { most, stay } = watching()
    const queue = sluice.queue<string[]>('q', { lock: (names) => names })
    for (let worker = 0; worker < 2; worker++) {
      queue.work(async ({ data }) => {
        await Promise.all(data.map((name) => stay(name)))
      })
    }
    const names = ['a', 'b', 'c', 'd']
    const pairs = names.flatMap((one) =>
      names.filter((other) => other !== one).map((other) => [one, other]),
    )
    await queue.addMany([...pairs, ...pairs, ...pairs])
    await expect.poll(() => queue.counts(), { timeout: 10_000 }).toEqual(NOWHERE)
    expect([...most.values()]).toEqual([1, 1, 1, 1])
    await sluice.close()
  })

  it('says so with the add alone, also with an id, with a key, and at a later time', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q')
    const held = await sluice.lock('door').acquire({ wait: 0 })
    const seen: string[] = []
    queue.work(({ data, id }) => {
      seen.push(data)
      return id
    })
    const added = await queue.add('with an id', { id: 'mine', lock: 'door' })
    await queue.add('with a key', { key: 'k', lock: 'door' })
    await queue.add('later', { delay: '1s', lock: 'door' })
    await queue.add('free')
    await expect.poll(() => seen).toEqual(['free'])
    await clock.advance('1s')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 3 })
    expect(await queue.get('mine')).toMatchObject({ state: 'waiting', data: 'with an id' })
    await held.release()
    expect(await added.result()).toBe('mine')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen).toEqual(['free', 'with an id', 'with a key', 'later'])
    await sluice.close()
  })

  it('gives it up when it has failed, and asks again for its next attempt', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<number>('q', {
      ...{ lock: 'door', attempts: 2 },
      backoff: { type: 'fixed', base: '1s' },
    })
    const attempts: number[] = []
    queue.work(({ attempt }) => {
      attempts.push(attempt)
      if (attempt === 1) throw new Error('no')
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, timed: 1 })
    const held = await sluice.lock('door').acquire({ wait: 0 })
    await clock.advance('1s')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(attempts).toEqual([1, 2])
    await sluice.close()
  })

  it('is cancelled, overdue or paused while it is parked', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', { lock: 'door' })
    const held = await sluice.lock('door', { ttl: '1h' }).acquire()
    const seen: string[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    await queue.add('cancelled', { id: 'mine' })
    await queue.add('overdue', { deadline: '1s' })
    await queue.add('first', { priority: -1 })
    await queue.add('last')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 4 })
    expect(await queue.cancel('mine')).toBe('cancelled')
    await clock.advance('2s')
    await queue.pause()
    await held.release()
    await clock.advance('1s')
    expect(await queue.counts()).toMatchObject({ paused: true })
    const other = await sluice.lock('door').tryAcquire()
    expect(other).not.toBe(null)
    await other?.release()
    await queue.resume()
    await clock.advance('5s')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    expect(seen).toEqual(['first', 'last'])
    expect(await queue.dead.list()).toMatchObject([
      { data: 'overdue', attempts: 0, reason: 'its deadline passed' },
    ])
    await sluice.close()
  })

  it('is put off, made due sooner, or given another priority while it is parked', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', { lock: 'door' })
    const held = await sluice.lock('door', { ttl: '1h' }).acquire()
    const seen: string[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    for (const id of ['later', 'sooner', 'line', 'urgent']) await queue.add(id, { id })
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 4 })
    expect(await queue.why('later')).toMatchObject({ state: 'parked', parked: { inFront: 0 } })
    expect(await queue.change('later', { delay: '10m' })).toBe('changed')
    expect(await queue.why('later')).toMatchObject({ state: 'waiting', parked: null })
    expect((await queue.why('later'))?.text).toMatch(/^due at /)
    expect(await queue.change('sooner', { delay: '10m' })).toBe('changed')
    expect(await queue.change('sooner', { delay: '1m' })).toBe('changed')
    expect(await queue.change('urgent', { priority: -1 })).toBe('changed')
    await expect.poll(async () => (await queue.why('urgent'))?.parked?.inFront).toBe(0)
    await held.release()
    await expect.poll(() => seen).toEqual(['urgent', 'line'])
    await clock.advance('61s')
    await expect.poll(() => seen).toEqual(['urgent', 'line', 'sooner'])
    await clock.advance('9m')
    await expect.poll(() => seen).toEqual(['urgent', 'line', 'sooner', 'later'])
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    await sluice.close()
  })

  it('is told by its signal that the lock was taken away', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<number>('q', { lock: 'door' })
    const reasons: unknown[] = []
    const worker = queue.work(async ({ signal }) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push(signal.reason)
    })
    await queue.add(1)
    await expect.poll(() => worker.runningCount).toBe(1)
    await sluice.lock('door').forceRelease({ reason: 'a test' })
    await clock.advance('6s')
    await expect.poll(() => reasons).toMatchObject([{ code: 'SLUICE_LOCK_LOST' }])
    await sluice.close()
  })

  it('is taken by hand, and gives the lock back however it is settled', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { lock: 'door' })
    await queue.addMany([1, 2, 3, 4])
    for (const how of ['ack', 'fail', 'defer', 'retry'] as const) {
      const [delivery, second] = await queue.take({ max: 2, wait: '1s' })
      expect(second).toBe(undefined)
      expect(delivery?.gates).toMatchObject([{ gate: 'lock:door' }])
      expect(await sluice.lock('door').tryAcquire()).toBe(null)
      if (how === 'defer') await delivery?.defer({ until: '1h' })
      else await delivery?.[how]()
    }
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, timed: 2, dead: 1 })
    await expect.poll(async () => (await sluice.lock('door').inspect()).holder).toBe(null)
    await sluice.close()
  })

  it('holds up nobody who takes what is there while it waits in line for its second gate', async () => {
    const { sluice } = createTestSluice()
    const semaphore = { name: 'seats', permits: 1 }
    const queue = sluice.queue<number>('q', { lock: 'door', semaphore })
    const [door, seat] = [sluice.lock('door'), sluice.semaphore('seats', { permits: 1 })]
    const [heldDoor, heldSeat] = [await door.acquire(), await seat.acquire()]
    await queue.add(1)
    const patient = queue.take({ wait: '1h' })
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    await heldDoor.release()
    await expect.poll(async () => (await seat.inspect()).waiters.length).toBe(1)
    const now = watched(queue.take({ wait: 0 }))
    await expect.poll(() => now.isPending).toBe(false)
    expect(now.value).toEqual([])
    await heldSeat.release()
    const [delivery] = await patient
    expect(delivery?.gates).toMatchObject([{ gate: 'lock:door' }, { gate: 'semaphore:seats' }])
    await delivery?.ack()
    await sluice.close()
  })

  it('keeps no lock of what goes back, as nobody asks for it any more', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { lock: (data) => `door:${data}` })
    await queue.addMany([1, 2, 3])
    const seen: number[] = []
    while (seen.length < 3) {
      const taken = await queue.take({ max: 3, wait: '1s' })
      for (const delivery of taken) {
        seen.push(delivery.data)
        await delivery.ack()
      }
    }
    expect(seen.sort()).toEqual([1, 2, 3])
    await sluice.close()
  })

  it('goes on in another worker when the one that stood in line for it closes', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { lock: 'door' })
    const held = await sluice.lock('door').acquire()
    const first = queue.work(() => {})
    await queue.addMany([1, 2, 3])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 3 })
    const seen: number[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    await first.close()
    await held.release()
    await expect.poll(() => seen).toEqual([1, 2, 3])
    await sluice.close()
  })
})

describe('a job that needs permits or a share', () => {
  it('runs beside as many as the semaphore has room for', async () => {
    const { sluice } = createTestSluice()
    const { most, stay } = watching()
    const queue = sluice.queue<number>('q', {
      semaphore: (weight) => ({ name: 'pool', permits: 3, weight }),
    })
    let weight = 0
    let heaviest = 0
    queue.work(async ({ data }) => {
      weight += data
      heaviest = Math.max(heaviest, weight)
      await stay('pool', 5)
      weight -= data
    })
    await queue.addMany(Array.from({ length: 30 }, (_, n) => (n % 3) + 1))
    await expect.poll(() => queue.counts(), { timeout: 10_000 }).toEqual(NOWHERE)
    expect(heaviest).toBe(3)
    expect(most.get('pool')).toBeGreaterThan(1)
    await sluice.close()
  })

  it('reads beside others, and writes alone', async () => {
    const { sluice } = createTestSluice()
    const { most, stay } = watching()
    const queue = sluice.queue<'read' | 'write'>('q', {
      lock: (mode) => ({ name: 'page', mode }),
    })
    const inside = { read: 0, write: 0 }
    const clashes: unknown[] = []
    queue.work(async ({ data }) => {
      inside[data]++
      if (inside.write > 1 || (inside.write === 1 && inside.read > 0)) clashes.push({ ...inside })
      await stay(data, 5)
      inside[data]--
    })
    const modes = Array.from({ length: 40 }, (_, n) =>
      n % 8 === 0 ? ('write' as const) : ('read' as const),
    )
    await queue.addMany(modes)
    await expect.poll(() => queue.counts(), { timeout: 10_000 }).toEqual(NOWHERE)
    expect(clashes).toEqual([])
    expect(most.get('read')).toBeGreaterThan(1)
    await sluice.close()
  })
})

describe('a job that needs units of a limiter', () => {
  it('begins when there is budget, and not before', async () => {
    const { sluice, clock } = createTestSluice()
    const limiter = sluice.limiter('smtp', fixedWindow({ limit: 2, per: '1s' }))
    const queue = sluice.queue<string>('q', { limit: { use: limiter, key: (data) => data } })
    const seen: string[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    await queue.addMany(['a', 'a', 'a', 'a', 'a', 'b'])
    await expect.poll(() => seen.sort()).toEqual(['a', 'a', 'b'])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 3 })
    await clock.advance('1s')
    await expect.poll(() => seen.length).toBe(5)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    await clock.advance('1s')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen.length).toBe(6)
    await sluice.close()
  })

  it('spends nothing while its lock is held, and holds no lock while it waits for units', async () => {
    const { sluice, clock } = createTestSluice()
    const limiter = sluice.limiter('smtp', funnel({ capacity: 1, leak: 1, per: '1m' }))
    const queue = sluice.queue<number>('q')
    const held = await sluice.lock('door', { ttl: '1h' }).acquire()
    const seen: number[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    const needs = { lock: 'door', limit: { use: limiter, key: 'all' } }
    await queue.add(1, needs)
    await queue.add(2, needs)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 2 })
    expect((await limiter.peek('all', { cost: 0 })).remaining).toBe(1)
    await held.release()
    await expect.poll(() => seen).toEqual([1])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    expect(
      await sluice
        .lock('door')
        .tryAcquire()
        .then((lease) => lease?.release()),
    ).toBe('released')
    await clock.advance('1m')
    await expect.poll(() => seen).toEqual([1, 2])
    await sluice.close()
  })

  it('is dead with a reason when its cost can never fit', async () => {
    const { sluice } = createTestSluice()
    const limiter = sluice.limiter('smtp', fixedWindow({ limit: 2, per: '1s' }))
    const queue = sluice.queue<number>('q', {
      attempts: 1,
      limit: { use: limiter, key: 'all', cost: (data) => data },
    })
    queue.work(() => {})
    await queue.add(3)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    expect((await queue.dead.list())[0]?.reason).toContain('3')
    await sluice.close()
  })
})

describe('limits of a whole queue', () => {
  it('run so many at a time, of all and of a key, in all workers', async () => {
    const { sluice } = createTestSluice()
    const { most, stay } = watching()
    const queue = sluice.queue<string>('q', {
      concurrency: { total: 3, perKey: { key: (data) => data, max: 2 } },
    })
    for (let worker = 0; worker < 2; worker++) {
      queue.work(async ({ data }) => {
        await Promise.all([stay(data, 5), stay('all', 5)])
      })
    }
    await queue.addMany(Array.from({ length: 40 }, (_, n) => (n % 4 === 0 ? 'b' : 'a')))
    await expect.poll(() => queue.counts(), { timeout: 10_000 }).toEqual(NOWHERE)
    expect(most.get('a')).toBe(2)
    expect(most.get('all')).toBe(3)
    await sluice.close()
  })

  it('that need the same lock do not wait in turns for either while others wait for both', async () => {
    const { sluice, clock } = createTestSluice()
    const rate = { total: fixedWindow({ limit: 20, per: '1s' }) }
    const queue = sluice.queue<number>('q', { lock: 'shared', rate })
    let seen = 0
    queue.work(async () => {
      for (let at = 0; at < 5; at++) await turn()
      seen++
    })
    await queue.addMany(Array.from({ length: 100 }, (_, n) => n))
    for (let second = 0; second < 10; second++) {
      for (let at = 0; at < 300; at++) await turn()
      await clock.advance('1s')
    }
    // One in each window where who has the lock is put behind those who wait for units.
    expect(seen).toBeGreaterThan(40)
    await sluice.close()
  })

  it('begin so many in a while, of all and of a key', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', {
      rate: {
        total: fixedWindow({ limit: 3, per: '1s' }),
        perKey: { key: (data) => data, rule: fixedWindow({ limit: 2, per: '1s' }) },
      },
    })
    const seen: string[] = []
    queue.work(({ data }) => {
      seen.push(data)
    })
    await queue.addMany(['a', 'a', 'a', 'b', 'b', 'b'])
    await expect.poll(() => seen.length).toBe(3)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 3 })
    await clock.advance('1s')
    await expect.poll(() => seen.length).toBeGreaterThan(4)
    // What a job took of its key while all had none left is given back, and may be asked for a window later.
    await clock.advance('1s')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen.length).toBe(6)
    await sluice.close()
  })
})

describe('tenants of one queue', () => {
  const key = (data: string) => data.slice(0, 1)
  const many = (tenant: string, count: number) =>
    Array.from({ length: count }, (_, n) => `${tenant}${n}`)
  const of = (tenant: string, begun: string[]) => begun.filter((data) => key(data) === tenant)

  it.each([1, 2, 1_000])(
    'take turns at the total, also where one has a thousand jobs and may run %d',
    async (max) => {
      const { sluice } = createTestSluice()
      const queue = sluice.queue<string>('q', { concurrency: { total: 2, perKey: { key, max } } })
      const begun: string[] = []
      let open = () => {}
      const opened = new Promise<void>((resolve) => (open = resolve))
      queue.work(async ({ data }) => {
        begun.push(data)
        await opened
        await turn()
      })
      await queue.addMany(many('a', 1_000))
      await expect.poll(() => queue.counts()).toMatchObject({ ready: 0 })
      await queue.addMany(many('b', 3))
      await expect.poll(() => queue.counts(), { timeout: 10_000 }).toMatchObject({ ready: 0 })
      open()
      await expect.poll(() => of('b', begun).length, { timeout: 10_000 }).toBe(3)
      expect(begun.findLastIndex((data) => key(data) === 'b')).toBeLessThan(30)
      await sluice.close({ timeout: 0 })
    },
    60_000,
  )

  it('take turns at a total rate', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<string>('q', {
      rate: {
        total: fixedWindow({ limit: 4, per: '1s' }),
        perKey: { key, rule: fixedWindow({ limit: 1_000, per: '1s' }) },
      },
    })
    const begun: string[] = []
    queue.work(({ data }) => {
      begun.push(data)
    })
    await queue.addMany(many('a', 1_000))
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 996 })
    await queue.addMany(many('b', 3))
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 999 })
    for (let window = 2; window <= 3; window++) {
      await clock.advance('1s')
      await expect.poll(() => begun.length).toBe(4 * window)
    }
    expect(of('b', begun)).toEqual(many('b', 3))
    await sluice.close({ timeout: 0 })
  }, 30_000)

  it('all get their share, also where those who came first may fill all slots of the workers', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<string>('q', { concurrency: { total: 6, perKey: { key, max: 5 } } })
    const begun: string[] = []
    let open = () => {}
    const opened = new Promise<void>((resolve) => (open = resolve))
    for (let worker = 0; worker < 2; worker++) {
      queue.work(
        async ({ data }) => {
          begun.push(data)
          await opened
          await turn()
        },
        { concurrency: 20 },
      )
    }
    for (const tenant of 'abcdefghij') {
      await queue.addMany(many(tenant, 60))
      await expect.poll(() => queue.counts()).toMatchObject({ ready: 0 })
    }
    open()
    await expect.poll(() => begun.length, { timeout: 20_000 }).toBeGreaterThan(200)
    const counts = [...'abcdefghij'].map((tenant) => of(tenant, begun.slice(0, 200)).length)
    // A tenth is 20; without turns some have none.
    expect(Math.min(...counts)).toBeGreaterThan(7)
    await sluice.close({ timeout: 0 })
  }, 60_000)
})

describe('needs that are wrong', () => {
  it('fail the attempt where a function of the queue throws or makes no name', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', {
      attempts: 1,
      lock: (data) => {
        if (data === 1) throw new Error('no user')
        return ''
      },
    })
    queue.work(() => {})
    await queue.addMany([1, 2])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 2 })
    const reasons = (await queue.dead.list()).map(({ reason }) => reason)
    expect(reasons[0]).toContain('no user')
    expect(reasons[1]).toContain('queue.lock')
    await sluice.close()
  })
})
