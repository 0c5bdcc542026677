// Holders and waiters as real processes, ended by kill -9 or frozen, on both engines.
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createSluice, type Sluice } from '../src/sluice.ts'
import { cleanUpAfterEach, cleanUps, crashPlaces, PATIENT } from './crash-places.ts'

interface Told {
  tag: 'asking' | 'holds' | 'lost' | 'released'
  fence?: number
  answer?: string
}

interface Contender {
  child: ChildProcess
  told: Told[]
  tags(): string[]
  fence(): number
}

/** The ttl of `processes/holder.js`. */
const TTL_MS = 2_000
const TEST_TIMEOUT_MS = 60_000
cleanUpAfterEach()

describe.each(crashPlaces)('on $name', { timeout: TEST_TIMEOUT_MS }, ({ open }) => {
  function start() {
    const { url, prefix } = open()
    const patient = { commandTimeout: '10s' } as const
    const sluice = createSluice(url, prefix === undefined ? patient : { prefix, ...patient })
    cleanUps.push(() => sluice.close())
    return {
      sluice,
      contend(): Contender {
        const file = path.join(import.meta.dirname, 'processes', 'holder.js')
        const child = fork(file, [url, prefix ?? ''])
        const told: Told[] = []
        child.on('message', (message) => told.push(message as Told))
        cleanUps.push(() => child.kill('SIGKILL'))
        return {
          child,
          told,
          tags: () => told.map(({ tag }) => tag),
          fence: () => told.find(({ tag }) => tag === 'holds')?.fence ?? 0,
        }
      },
    }
  }

  const waiterCount = async (sluice: Sluice) => (await sluice.lock('door').inspect()).waiters.length

  it('a lock is free one lease after its holder was killed, with a higher fence', async () => {
    const { sluice, contend } = start()
    const holder = contend()
    await expect.poll(holder.tags, PATIENT).toContain('holds')
    const lock = sluice.lock('door', { ttl: TTL_MS })
    expect(await lock.tryAcquire()).toBe(null)
    holder.child.kill('SIGKILL')
    const killedMs = performance.now()
    const lease = await lock.acquire({ wait: '10s' })
    expect(performance.now() - killedMs).toBeLessThan(TTL_MS + 1_000)
    expect(lease.fence).toBeGreaterThan(holder.fence())
    await lease.release()
  })

  it('a waiter that was killed, wherever it stood, delays nobody for long', async () => {
    const { sluice, contend } = start()
    const lock = sluice.lock('door', { ttl: TTL_MS })
    const lease = await lock.acquire()
    const waiters: Contender[] = []
    for (let position = 0; position < 3; position++) {
      waiters.push(contend())
      await expect.poll(() => waiterCount(sluice), PATIENT).toBe(position + 1)
    }
    const [head, middle, tail] = waiters as [Contender, Contender, Contender]
    head.child.kill('SIGKILL')
    tail.child.kill('SIGKILL')
    await lease.release()
    const releasedMs = performance.now()
    await expect.poll(middle.tags, PATIENT).toContain('holds')
    expect(performance.now() - releasedMs).toBeLessThan(TTL_MS + 1_000)
    middle.child.send('release')
    await expect.poll(() => middle.told.at(-1)?.answer, PATIENT).toBe('released')
    const again = await lock.acquire({ wait: '10s' })
    expect(again.fence).toBeGreaterThan(middle.fence())
    await again.release()
  })

  it('a holder that was frozen past its lease learns that it lost, and frees nobody’s lock', async () => {
    const { sluice, contend } = start()
    const frozen = contend()
    await expect.poll(frozen.tags, PATIENT).toContain('holds')
    frozen.child.kill('SIGSTOP')
    const lock = sluice.lock('door', { ttl: '30s' })
    const lease = await lock.acquire({ wait: '10s' })
    expect(lease.fence).toBeGreaterThan(frozen.fence())
    frozen.child.kill('SIGCONT')
    await expect.poll(frozen.tags, PATIENT).toContain('lost')
    frozen.child.send('release')
    await expect.poll(() => frozen.told.at(-1)?.answer, PATIENT).toBe('lost')
    lease.assertHeld()
    expect((await lock.inspect()).holder?.owner).toBe(lease.owner)
    await lease.release()
  })
})
