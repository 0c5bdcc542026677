// Holders and waiters of permits as real processes, ended by kill -9, on both engines.
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { claimMsOf } from '../src/gate/waiting.ts'
import { createSluice } from '../src/sluice.ts'
import { cleanUpAfterEach, cleanUps, crashPlaces, PATIENT } from './crash-places.ts'
import { timed } from './stopwatch.ts'

interface Told {
  tag: 'asking' | 'holds' | 'lost' | 'released'
  answer?: string
}

interface Contender {
  child: ChildProcess
  tags(): string[]
  lastAnswer(): string | undefined
}

/** The ttl of `processes/permit-holder.js`. */
const TTL_MS = 4_000
/** Its permits; what this process holds itself outlasts a busy machine. */
const SEMAPHORE = { permits: 3, ttl: '30s' } as const
const CLAIM_MS = claimMsOf(TTL_MS)
const SPARE_MS = 1_000
const TEST_TIMEOUT_MS = 60_000
cleanUpAfterEach()

describe.each(crashPlaces)('on $name', { timeout: TEST_TIMEOUT_MS }, ({ open }) => {
  function start() {
    const { url, prefix } = open()
    const patient = { commandTimeout: '10s' } as const
    const sluice = createSluice(url, prefix === undefined ? patient : { prefix, ...patient })
    cleanUps.push(() => sluice.close())
    const semaphore = sluice.semaphore('room', SEMAPHORE)
    const waiterCount = async () => (await semaphore.inspect()).waiters.length

    function contend(weight: number): Contender {
      const file = path.join(import.meta.dirname, 'processes', 'permit-holder.js')
      const child = fork(file, [url, prefix ?? '', `${weight}`])
      const told: Told[] = []
      child.on('message', (message) => told.push(message as Told))
      cleanUps.push(() => child.kill('SIGKILL'))
      return {
        child,
        tags: () => told.map(({ tag }) => tag),
        lastAnswer: () => told.at(-1)?.answer,
      }
    }

    return {
      semaphore,
      waiterCount,
      contend,
      async joins(weight: number): Promise<Contender> {
        const before = await waiterCount()
        const contender = contend(weight)
        await expect.poll(waiterCount, PATIENT).toBe(before + 1)
        return contender
      },
    }
  }

  it('permits of a killed process are granted again one lease later, and those of others kept', async () => {
    const { semaphore, contend } = start()
    const holder = contend(2)
    await expect.poll(holder.tags, PATIENT).toContain('holds')
    const mine = await semaphore.acquire()
    expect(await semaphore.tryAcquire()).toBe(null)
    const { result: next, tookMs } = await timed(() => {
      holder.child.kill('SIGKILL')
      return semaphore.acquire({ weight: 2, wait: '10s' })
    })
    expect(tookMs).toBeLessThan(TTL_MS + SPARE_MS)
    mine.assertHeld()
    expect(await semaphore.inspect()).toMatchObject({ used: 3, holders: [{}, {}] })
    await next.release()
  })

  it('a waiter that was killed, wherever it stood, delays nobody for long', async () => {
    const { semaphore, joins } = start()
    const all = await semaphore.acquire({ weight: 3 })
    const head = await joins(3)
    const middle = await joins(2)
    const killed = await joins(1)
    const tail = await joins(1)
    head.child.kill('SIGKILL')
    killed.child.kill('SIGKILL')
    const { tookMs } = await timed(async () => {
      await all.release()
      for (const waiter of [middle, tail]) {
        await expect.poll(waiter.tags, PATIENT).toContain('holds')
      }
    })
    expect(tookMs).toBeLessThan(CLAIM_MS + SPARE_MS)
    for (const waiter of [middle, tail]) {
      waiter.child.send('release')
      await expect.poll(waiter.lastAnswer, PATIENT).toBe('released')
    }
    expect(await semaphore.acquire({ weight: 3, wait: '10s' })).toMatchObject({ weight: 3 })
  })
})
