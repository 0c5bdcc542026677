// Jobs that are put off until they have a lock, as a handler says it: on every engine.
import { describe, expect, it } from 'vitest'
import { unchecked } from '../../test/bad-input.ts'
import { engines } from '../../test/engines.ts'
import { openGatedClients, WAYS_TO_ADD } from '../../test/queue-clients.ts'
import { systemClock } from '../clock.ts'
import { fixedWindow } from '../limit/index.ts'
import { createLocks } from '../lock/open.ts'
import { createTestSluice } from '../testing/index.ts'
import type { Queue } from './api.ts'
import { Defer } from './defer.ts'
import type { HeldGate, Job } from './run.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const namesOf = (gates: readonly HeldGate[]) => gates.map(({ gate }) => gate)
const has = ({ gates }: Pick<Job<unknown>, 'gates'>, name: string) => namesOf(gates).includes(name)

describe.each(engines)('a job that is put off until it has a lock, on $name', ({ open }) => {
  it.each(WAYS_TO_ADD)('runs again with it, no attempt spent: %s', async (way, how) => {
    const { ours, locks } = await openGatedClients(open)
    const partitions = way.includes('partitions') ? 3 : 1
    const queue = ours.queue<number>('q', { attempts: 1, partitions })
    const held = await locks.lock('user:42').acquire()
    const seen: Pick<Job<number>, 'attempt' | 'gates' | 'fence'>[] = []
    queue.work(({ attempt, gates, fence }) => {
      seen.push({ attempt, gates, fence })
      if (!has({ gates }, 'lock:user:42')) throw new Defer({ until: locks.lock('user:42') })
    })
    await queue.add(1, how)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    if ('id' in how) {
      expect(await queue.why(how.id)).toMatchObject({
        ...{ state: 'parked', parked: { gate: 'lock:user:42', inFront: 0 } },
      })
    }
    await expect
      .poll(async () => (await locks.lock('user:42').inspect()).waiters)
      .toMatchObject([{ kind: 'job' }])
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen).toMatchObject([
      { attempt: 1, gates: [] },
      { attempt: 1, gates: [{ gate: 'lock:user:42', fence: expect.any(Number) }] },
    ])
    expect(seen[1]?.gates[0]?.fence).toBeGreaterThan(held.fence)
    expect(seen[1]?.fence).toBeGreaterThan(seen[0]?.fence ?? 0)
    await expect.poll(async () => (await locks.lock('user:42').inspect()).holder).toBe(null)
  })

  it('gives up what it holds while it waits, and then has both', async () => {
    const { ours, locks } = await openGatedClients(open)
    const queue = ours.queue<number>('q', { lock: ['a', 'z'] })
    const held = await locks.lock('m').acquire()
    const seen: string[][] = []
    queue.work((job) => {
      seen.push(namesOf(job.gates).sort())
      if (!has(job, 'lock:m')) throw new Defer({ until: locks.lock('m') })
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    for (const name of ['a', 'z']) await (await locks.lock(name).acquire()).release()
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen.at(0)).toEqual(['lock:a', 'lock:z'])
    expect(seen.at(-1)).toEqual(['lock:a', 'lock:m', 'lock:z'])
  })

  it('asks again where it had to wait for something else before it ran', async () => {
    const { ours, locks } = await openGatedClients(open)
    const queue = ours.queue<number>('q', { lock: 'a' })
    const wanted = await locks.lock('m').acquire()
    const seen: string[][] = []
    queue.work((job) => {
      seen.push(namesOf(job.gates).sort())
      if (!has(job, 'lock:m')) throw new Defer({ until: locks.lock('m') })
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 1 })
    const own = await locks.lock('a').acquire()
    await wanted.release()
    // Let in to m it finds a shut: holding m it must not wait for what comes before.
    await expect.poll(async () => (await locks.lock('a').inspect()).waiters.length).toBe(1)
    await (await locks.lock('m').acquire()).release()
    await own.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(seen).toEqual([['lock:a'], ['lock:a', 'lock:m']])
  })

  it('never deadlocks with jobs that ask in the other order, and none is in beside another', async () => {
    const { ours, theirs, locks } = await openGatedClients(open)
    const inside = new Map<string, number>()
    let most = 0
    const begin = (queue: Queue<[string, string]>) => {
      queue.work(async (job) => {
        const [, extra] = job.data
        if (!has(job, `lock:${extra}`)) throw new Defer({ until: locks.lock(extra) })
        for (const name of job.data) {
          inside.set(name, (inside.get(name) ?? 0) + 1)
          most = Math.max(most, inside.get(name) ?? 0)
        }
        await new Promise((resolve) => setImmediate(resolve))
        for (const name of job.data) inside.set(name, (inside.get(name) ?? 0) - 1)
      })
    }
    const options = { lock: ([own]: [string, string]) => own }
    const queue = ours.queue<[string, string]>('q', options)
    begin(queue)
    begin(theirs.queue<[string, string]>('q', options))
    const pairs: [string, string][] = [
      ...(['ab', 'ba', 'ac', 'ca', 'bc', 'cb'].map((pair) => [...pair]) as [string, string][]),
    ]
    await queue.addMany([...pairs, ...pairs, ...pairs])
    await expect.poll(() => queue.counts(), { timeout: 30_000 }).toEqual(NOWHERE)
    expect(most).toBe(1)
  })

  it('has it also where another process keeps its gate, and when that one is gone', async () => {
    const { clock, ours, theirs, locks } = await openGatedClients(open)
    const held = await locks.lock('m', { ttl: '1h' }).acquire()
    const seen: string[] = []
    const queues = [ours, theirs].map((queues) => queues.queue<number>('q'))
    const handle = (who: string) => (job: Job<number>) => {
      if (!has(job, 'lock:m')) throw new Defer({ until: locks.lock('m') })
      seen.push(`${who} ${job.data}`)
    }
    const [first, second] = queues
    const worker = first?.work(handle('first'))
    await first?.addMany([1, 2, 3])
    await expect.poll(() => first?.counts()).toEqual({ ...NOWHERE, parked: 3 })
    second?.work(handle('second'))
    await worker?.close()
    await clock.advance('5s')
    await expect.poll(async () => (await locks.lock('m').inspect()).waiters.length).toBe(1)
    await held.release()
    await expect.poll(() => first?.counts()).toEqual(NOWHERE)
    expect(seen).toEqual(['second 1', 'second 2', 'second 3'])
  })

  it('waits for a permit of a semaphore in the same way', async () => {
    const { ours, semaphores } = await openGatedClients(open)
    const pool = semaphores.semaphore('pool', { permits: 2 })
    const held = await pool.acquire({ weight: 2 })
    const queue = ours.queue<number>('q')
    let inside = 0
    let most = 0
    queue.work(async (job) => {
      if (!has(job, 'semaphore:pool')) throw new Defer({ until: pool })
      most = Math.max(most, ++inside)
      for (let at = 0; at < 5; at++) await new Promise((resolve) => setImmediate(resolve))
      inside--
    })
    await queue.addMany([1, 2, 3, 4, 5])
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 5 })
    await held.release()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(most).toBeLessThanOrEqual(2)
  })

  it('is put off by hand, cancelled and overdue there', async () => {
    const { clock, ours, locks } = await openGatedClients(open)
    const held = await locks.lock('m', { ttl: '1h' }).acquire()
    const queue = ours.queue<string>('q')
    await queue.add('cancelled', { id: 'mine' })
    await queue.add('overdue', { deadline: '2s' })
    await queue.add('left')
    for (let n = 0; n < 3; n++) {
      const [delivery] = await queue.take({ wait: '1s' })
      await delivery?.defer({ until: locks.lock('m') })
      await expect(delivery?.defer({ until: locks.lock('m') })).rejects.toMatchObject({
        code: 'SLUICE_STALE_DELIVERY',
      })
    }
    expect(await queue.counts()).toEqual({ ...NOWHERE, parked: 3 })
    expect(await queue.cancel('mine')).toBe('cancelled')
    await clock.advance('3s')
    await held.release()
    const [delivery] = await queue.take({ wait: '10s' })
    expect(delivery).toMatchObject({ data: 'left', attempt: 1, gates: [{ gate: 'lock:m' }] })
    await delivery?.ack()
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
  })
})

describe('what a job cannot be put off until', () => {
  it('is what it holds: that fails the attempt, as it would come back for ever', async () => {
    const { sluice } = createTestSluice()
    const queue = sluice.queue<number>('q', { attempts: 1, lock: 'door' })
    queue.work(() => {
      throw new Defer({ until: sluice.lock('door') })
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    const [letter] = await queue.dead.list()
    expect(letter?.reason).toContain('lock:door')
    expect(letter?.reason).toContain('job.gates')
    await sluice.close()
  })

  it('may be what it held and lost', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<number>('q', { attempts: 1, lock: 'door' })
    let runs = 0
    queue.work(async ({ signal }) => {
      if (++runs > 1) return
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw new Defer({ until: sluice.lock('door') })
    })
    await queue.add(1)
    await expect.poll(() => runs).toBe(1)
    await sluice.lock('door').forceRelease({ reason: 'a test' })
    await clock.advance('6s')
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(runs).toBe(2)
    await sluice.close()
  })

  const { sluice } = createTestSluice()
  const { sluice: other } = createTestSluice()
  const store = { onDoubt() {}, onForced() {}, onGrant() {} }
  const redlock = createLocks(unchecked(store), systemClock, 'a')
  const FOREIGN: [what: string, until: unknown][] = [
    ['a lock of another Sluice', other.lock('door')],
    ['a semaphore of another Sluice', other.semaphore('door', { permits: 1 })],
    ['a lock of a Redlock', redlock.lock('door')],
    ['what looks like a lock', { name: 'door', tryAcquire: async () => null }],
  ]

  it.each(FOREIGN)('is %s, which fails the attempt and says why', async (_, until) => {
    const queue = sluice.queue<number>(`q ${_}`, { attempts: 1 })
    const worker = queue.work(() => {
      throw new Defer({ until: unchecked(until) })
    })
    await queue.add(1)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 1 })
    const [letter] = await queue.dead.list()
    expect(letter?.reason).toContain('ArgumentError')
    expect(letter?.reason).toContain('line of one engine')
    await worker.close()
    await queue.add(2)
    const [delivery] = await queue.take({ wait: '1s' })
    await expect(delivery?.defer({ until: unchecked(until) })).rejects.toThrow('line of one engine')
    expect(delivery?.signal.aborted).toBe(false)
    await delivery?.ack()
  })

  const limiter = sluice.limiter('smtp', fixedWindow({ limit: 2, per: '1s' }))
  it.each<[what: string, until: unknown]>([
    ['an election', sluice.election('door')],
    ['several locks', sluice.lock(['a', 'b'])],
    ['a side of a read-write lock', sluice.readWriteLock('a').write()],
    ['a read-write lock', sluice.readWriteLock('a')],
    ['a limiter', limiter],
    ['no time', 0],
    ['text', 'soon'],
    ['nothing', undefined],
    ['null', null],
    ['a function', () => {}],
  ])('is %s, which its constructor refuses', (_, until) => {
    expect(() => new Defer({ until: unchecked(until) })).toThrow(/Defer\.until/)
  })
})
