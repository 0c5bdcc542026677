// A lock whose next in line is in the same process: its turn begins while the server is told.
import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { watched } from '../../test/faults.ts'
import { type RedisProcess, startRedis } from '../../test/redis.ts'
import { timed } from '../../test/stopwatch.ts'
import type { Duration } from '../duration.ts'
import { LockLostError } from '../errors.ts'
import type { Lease } from '../gate/handle.ts'
import { createSluice, insideOf, type Sluice } from '../sluice.ts'

const PATIENT = { timeout: 20_000, interval: 5 }
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function open(url: string, prefix: string, commandTimeout: Duration = '10s'): Sluice {
  const sluice = createSluice(url, { prefix, commandTimeout })
  cleanUps.push(() => sluice.close())
  return sluice
}

/** A holder and, once they stand in line, those who wait for it, all in `ours` but the named ones. */
async function openLine(url: string, waiters: ('ours' | 'theirs')[], ttl: Duration = '10s') {
  const prefix = randomUUID()
  const [ours, theirs] = [open(url, prefix), open(url, prefix)]
  const holder = await ours.lock('door', { ttl }).acquire()
  const waiting = []
  for (const [index, whose] of waiters.entries()) {
    const sluice = whose === 'ours' ? ours : theirs
    const options = { ttl, metadata: { place: index + 1 } }
    waiting.push(watched(sluice.lock('door', options).acquire({ wait: '1m' })))
    await expect.poll(() => lengthOf(theirs), PATIENT).toBe(index + 1)
  }
  return { ours, theirs, holder, waiting, prefix }
}

const lengthOf = async (sluice: Sluice) => (await sluice.lock('door').inspect()).waiters.length

function redisOf(sluice: Sluice) {
  const { engine } = insideOf(sluice)
  if (engine.kind !== 'redis') throw new Error('not on Redis')
  return engine
}

async function startOwnServer(): Promise<RedisProcess> {
  const server = await startRedis()
  cleanUps.push(() => server.kill())
  return server
}

/** A holder, and one of the same client that waits behind it, on a server that can be stopped. */
async function openPair(terms: { commandTimeout: Duration; ttl?: Duration; nextTtl?: Duration }) {
  const { commandTimeout, ttl = '30s', nextTtl = ttl } = terms
  const server = await startOwnServer()
  const ours = open(server.url, randomUUID(), commandTimeout)
  const holder = await ours.lock('door', { ttl }).acquire()
  const waiter = watched(ours.lock('door', { ttl: nextTtl }).acquire({ wait: '1m' }))
  await expect.poll(() => lengthOf(ours), PATIENT).toBe(1)
  return { server, ours, holder, waiter }
}

/** What was got by now, without any answer of a server. */
async function gotten(waiter: { value?: Lease | undefined } | undefined): Promise<Lease> {
  await new Promise((resolve) => setImmediate(resolve))
  if (!waiter?.value) throw new Error('it has not got the lock')
  return waiter.value
}

describe('the next in line of the same process', () => {
  it('begins before the server has answered, on what is left of the lease', async () => {
    const server = await startOwnServer()
    const { theirs, holder, waiting } = await openLine(server.url, ['ours'])
    server.pause()
    const released = watched(holder.release())
    const next = await gotten(waiting[0])
    expect(next.fence).toBe(holder.fence + 1)
    expect(released.value).toBe(undefined)
    expect(next.remainingMs).toBeLessThan(10_000)
    expect(() => holder.assertHeld()).toThrow(LockLostError)
    next.assertHeld()
    server.resume()
    await expect.poll(() => released.value, PATIENT).toBe('released')
    const view = await theirs.lock('door').inspect()
    expect(view.holder).toMatchObject({
      owner: next.owner,
      fence: next.fence,
      metadata: { place: 1 },
    })
    expect(view.waiters).toEqual([])
    expect(await next.release()).toBe('released')
  })

  it('is known ahead, one after the other', async () => {
    const server = await startOwnServer()
    const { holder, waiting } = await openLine(server.url, ['ours', 'ours', 'ours'])
    let last = holder
    for (const waiter of waiting) {
      expect(await last.release()).toBe('released')
      const next = await gotten(waiter)
      expect(next.fence).toBe(last.fence + 1)
      last = next
    }
  })

  it('is known by a grant of another process', async () => {
    const server = await startOwnServer()
    const { holder, waiting } = await openLine(server.url, ['theirs', 'theirs'])
    await holder.release()
    await expect.poll(() => waiting[0]?.value, PATIENT).toBeDefined()
    const first = await gotten(waiting[0])
    server.pause()
    const released = watched(first.release())
    expect((await gotten(waiting[1])).fence).toBe(first.fence + 1)
    server.resume()
    await expect.poll(() => released.value, PATIENT).toBe('released')
  })

  it('is not preferred to who has waited longer elsewhere', async () => {
    const { holder, waiting } = await openLine(inject('redisUrl'), ['theirs', 'ours'])
    await holder.release()
    await expect.poll(() => waiting[0]?.value, PATIENT).toBeDefined()
    expect(waiting[1]?.value).toBe(undefined)
    const first = await gotten(waiting[0])
    await first.release()
    await expect.poll(() => waiting[1]?.value, PATIENT).toBeDefined()
    expect((await gotten(waiting[1])).fence).toBeGreaterThan(first.fence + 1)
  })

  it('may have left: then the server chooses', async () => {
    const prefix = randomUUID()
    const [ours, theirs] = [open(inject('redisUrl'), prefix), open(inject('redisUrl'), prefix)]
    const holder = await ours.lock('door').acquire()
    const abort = new AbortController()
    const leaver = ours.lock('door').acquire({ wait: '1m', signal: abort.signal })
    await expect.poll(() => lengthOf(theirs), PATIENT).toBe(1)
    const stayer = watched(theirs.lock('door').acquire({ wait: '1m' }))
    await expect.poll(() => lengthOf(theirs), PATIENT).toBe(2)
    abort.abort()
    await expect(leaver).rejects.toThrow(/aborted/)
    await holder.release()
    await expect.poll(() => stayer.value, PATIENT).toBeDefined()
  })

  it('gives no number away twice: whoever comes then has a higher one', async () => {
    const { theirs, holder, waiting } = await openLine(inject('redisUrl'), ['ours'])
    await holder.release()
    const next = await gotten(waiting[0])
    await next.release()
    const last = await theirs.lock('door').acquire()
    expect(last.fence).toBeGreaterThan(next.fence)
  })
})

describe('a hand-over that the server does not confirm', () => {
  it('ends with the lease that it was on, while the server is silent', async () => {
    const { server, holder, waiter } = await openPair({ commandTimeout: '700ms', ttl: '4s' })
    const untilMs = performance.now() + holder.remainingMs
    server.pause()
    const released = watched(holder.release())
    const next = await gotten(waiter)
    expect(performance.now() + next.remainingMs).toBeLessThan(untilMs + 5)
    await expect.poll(() => released.error, PATIENT).toMatchObject({ outcome: 'unknown' })
    await expect.poll(() => next.signal.reason, PATIENT).toMatchObject({ reason: 'expired' })
    server.resume()
  })

  it('ends with its own lease, where that is the shorter one', async () => {
    const { server, holder, waiter } = await openPair({
      commandTimeout: '700ms',
      ttl: '10s',
      nextTtl: '500ms',
    })
    server.pause()
    const releasedMs = performance.now()
    void holder.release().catch(() => {})
    const next = await gotten(waiter)
    expect(performance.now() + next.remainingMs).toBeLessThan(releasedMs + 500)
    server.resume()
  })

  it('holds up what is asked about the next lease no longer than a call may take', async () => {
    const { server, holder, waiter } = await openPair({ commandTimeout: '700ms', ttl: '4s' })
    server.pause()
    void holder.release().catch(() => {})
    const next = await gotten(waiter)
    await new Promise((resolve) => setTimeout(resolve, 350))
    const { result, tookMs } = await timed(() =>
      Promise.allSettled([next.extend('1m'), next.release()]),
    )
    for (const call of result) {
      expect(call).toMatchObject({ status: 'rejected', reason: { outcome: 'unknown' } })
    }
    expect(tookMs).toBeLessThan(700 + 250)
    server.resume()
  })

  it('is told again until the server answers, and keeps the lock meanwhile', async () => {
    const { server, ours, holder, waiter } = await openPair({ commandTimeout: '400ms' })
    server.pause()
    const released = watched(holder.release())
    const next = await gotten(waiter)
    await expect.poll(() => released.error, PATIENT).toMatchObject({ outcome: 'unknown' })
    server.resume()
    const fenceThere = async () =>
      (
        await ours
          .lock('door')
          .inspect()
          .catch(() => null)
      )?.holder?.fence
    await expect.poll(fenceThere, PATIENT).toBe(next.fence)
    expect(next.signal.aborted).toBe(false)
    await expect(next.extend('1m')).resolves.toBe(undefined)
    expect(await next.release()).toBe('released')
    expect(await ours.lock('door').tryAcquire()).not.toBe(null)
  })

  it('is told as lost to both when the server has forgotten the lock', async () => {
    const server = await startOwnServer()
    const { ours, holder, waiting } = await openLine(server.url, ['ours'])
    await redisOf(ours).command('FLUSHALL')
    expect(await holder.release()).toBe('lost')
    const next = await gotten(waiting[0])
    expect(next.signal.reason).toBeInstanceOf(LockLostError)
    expect(await next.release()).toBe('lost')
  })
})
