import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, type QueueClient } from './bench.contract.ts'

/** A hint may be late, but not by more than this: it comes over a socket or from another process. */
const PROMPT_MS = 2_000

/** By then a hint from before has come. */
const QUIET_MS = 30

/** A consumer asleep. */
interface Sleeper {
  woken(): Promise<void>
  isAwake(): boolean
  stop: () => void
}

/** The part of the suite of queues that is about being woken. */
export function wakeContract(bench: Bench): void {
  async function sleeper(client: QueueClient, queue = bench.queue): Promise<Sleeper> {
    let count = 0
    const stop = client.queue.onWake(queue, () => {
      count++
    })
    // A hint from before may be on its way still; those to come are what counts.
    await client.queue.counts(queue)
    await soon(QUIET_MS)
    let seen = count
    return {
      isAwake: () => count > seen,
      stop,
      async woken() {
        const deadlineMs = performance.now() + PROMPT_MS
        while (count === seen && performance.now() < deadlineMs) await soon(1)
        if (count === seen) throw new Error(`not woken within ${PROMPT_MS} ms`)
        seen = count
      },
    }
  }

  describe('waking', () => {
    it.each(['the same', 'another'])(
      'Q2 what %s client adds wakes an idle consumer',
      async (who) => {
        const idle = bench.consumer()
        await idle.claim(1)
        const sleeping = await sleeper(bench.first)
        const client = who === 'another' ? bench.second : bench.first
        await bench.add(['a'], {}, client)
        await sleeping.woken()
        expect(await idle.claim(1)).toHaveLength(1)
        await bench.add(['b'], {}, client)
        await sleeping.woken()
        sleeping.stop()
      },
    )

    it('Q2 a job that is due before all others wakes, so that timers can be set', async () => {
      const idle = bench.consumer()
      await bench.add(['late'], { delayMs: 60_000 })
      expect((await idle.say({ want: 1 })).nextDueMs).toBe(60_000)
      const sleeping = await sleeper(bench.first)
      await bench.add(['early'], { delayMs: 1_000 }, bench.second)
      await sleeping.woken()
      expect((await idle.say({ want: 1 })).nextDueMs).toBe(1_000)
      sleeping.stop()
    })

    it('Q2 jobs that were handed back, and those that were left, wake others', async () => {
      const [busy, idle] = [bench.consumer(bench.second), bench.consumer()]
      await idle.claim(1)
      const sleeping = await sleeper(bench.first)
      await bench.add(['a', 'b'], {}, bench.second)
      await sleeping.woken()
      const jobs = await busy.claim(1)
      expect(await idle.claim(1)).toHaveLength(1)
      await busy.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: false })) })
      await sleeping.woken()
      sleeping.stop()
    })

    it('Q2 a retry that is due before all others wakes, so that timers can be set', async () => {
      const [busy, idle] = [bench.consumer(bench.second), bench.consumer()]
      await bench.add(['a'], {}, bench.second)
      const jobs = await busy.claim(1)
      await idle.claim(1)
      const sleeping = await sleeper(bench.first)
      await busy.say({ retries: jobs.map((job) => ({ job, delayMs: 1_000, failed: true })) })
      await sleeping.woken()
      sleeping.stop()
    })

    it('Q7 recovered jobs wake an idle consumer', async () => {
      const [victim, watcher] = [bench.consumer(bench.second), bench.consumer(bench.second)]
      await bench.add(['a'], {}, bench.second)
      await victim.claim(1)
      await bench.consumer().claim(1)
      await bench.passWith(watcher, LEASE_MS - 1)
      const sleeping = await sleeper(bench.first)
      await bench.pass(2)
      await watcher.say()
      await sleeping.woken()
      sleeping.stop()
    })

    it('Q2 a hint that was passed on wakes the next', async () => {
      const one = await sleeper(bench.first)
      const other = await sleeper(bench.first)
      await bench.add(['a'])
      const deadlineMs = performance.now() + PROMPT_MS
      while (!one.isAwake() && !other.isAwake() && performance.now() < deadlineMs) await soon(1)
      const [woken, asleep] = one.isAwake() ? [one, other] : [other, one]
      await woken.woken()
      if (!asleep.isAwake()) {
        woken.stop()
        await bench.first.queue.passWake(bench.queue)
      }
      await asleep.woken()
      one.stop()
      other.stop()
    })

    it('Q2 who stopped listening is not woken, and other queues wake nobody', async () => {
      const stopped = await sleeper(bench.first)
      const elsewhere = await sleeper(bench.first, 'elsewhere')
      const listening = await sleeper(bench.second)
      stopped.stop()
      await bench.add(['a'])
      await listening.woken()
      expect([stopped.isAwake(), elsewhere.isAwake()]).toEqual([false, false])
      elsewhere.stop()
      listening.stop()
    })

    it.each(['the same', 'another'])(
      'Q22 what %s client adds to a paused queue wakes nobody, and resuming it does',
      async (who) => {
        const client = who === 'another' ? bench.second : bench.first
        const idle = bench.consumer()
        await client.queue.pause(bench.queue)
        const sleeping = await sleeper(bench.first)
        await bench.add(['a'], {}, client)
        await bench.add(['b'], { delayMs: 5 }, client)
        await soon(QUIET_MS)
        expect(sleeping.isAwake()).toBe(false)
        await client.queue.resume(bench.queue)
        await sleeping.woken()
        expect(await idle.claim(5)).toHaveLength(1)
        sleeping.stop()
      },
    )

    it('Q11 listening holds no lease and stores nothing', async () => {
      const before = await bench.store.dump()
      const sleeping = await sleeper(bench.first)
      expect(await bench.store.dump()).toEqual(before)
      expect(sleeping.isAwake()).toBe(false)
      sleeping.stop()
    })
  })
}

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
