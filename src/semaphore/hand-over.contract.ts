import { describe, expect, it } from 'vitest'
import type { Grant } from '../gate/store.ts'
import { type Asker, type Bench, CLAIM_MS, PERMITS, TTL_MS } from './bench.contract.ts'

/** The part of the suite of semaphores that is about grants, asking again, and leaving. */
export function handOverContract(bench: Bench): void {
  describe('the hand-over', () => {
    it('S5 is for the claim lease only, then it passes on', async () => {
      const [holder, head, tail] = await bench.lineOf('a', [2, 2])
      await holder.release('a')
      await head.granted()
      expect((await bench.holdOf('a', head)).remainingMs).toBe(CLAIM_MS)
      await bench.pass(CLAIM_MS - 1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting', holder: { remainingMs: 1 } })
      await bench.pass(1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await head.renew('a')).toBe('lost')
      expect(await head.acquire('a')).toMatchObject({ tag: 'waiting', position: 0 })
    })

    it('S5 of a run is a claim lease for each, by its own last call', async () => {
      const [holder, ...waiters] = await bench.lineOf('a', [1, 1, 1])
      const claims = [2_000, 3_000, 700]
      for (const [index, waiter] of waiters.entries()) {
        await waiter.acquire('a', { claimMs: claims[index] ?? 0 })
      }
      await holder.release('a')
      for (const [index, waiter] of waiters.entries()) {
        await waiter.granted()
        expect((await bench.holdOf('a', waiter)).remainingMs).toBe(claims[index])
      }
      const [claiming, confirming] = waiters
      await bench.pass(700)
      expect(await confirming.renew('a')).toBe('renewed')
      await bench.expectOf('a', [claiming, confirming])
      await bench.pass(1_300)
      await bench.expectOf('a', [confirming])
    })

    it.each(['acquire', 'renew', 'reweigh'] as const)(
      'S5 becomes a full lease by %s',
      async (how) => {
        const [holder, waiter] = await bench.lineOf('a', [2])
        await holder.release('a')
        const { fence } = await waiter.granted()
        await bench.pass(CLAIM_MS - 1)
        if (how === 'renew') expect(await waiter.renew('a')).toBe('renewed')
        else if (how === 'reweigh') await waiter.change('a', 1)
        else expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired', fence })
        expect((await bench.holdOf('a', waiter)).remainingMs).toBe(TTL_MS)
        await bench.pass(TTL_MS - 1)
        await bench.expectOf('a', [waiter])
      },
    )

    it('S5 gives the weight, and since when it is held', async () => {
      const [holder, ...waiters] = await bench.lineOf('a', [2, 1])
      await bench.pass(500)
      const sinceMs = bench.store.clock.wallMs()
      await holder.release('a')
      for (const waiter of waiters) {
        const { fence } = await waiter.granted()
        expect(await bench.holdOf('a', waiter)).toEqual({
          owner: waiter.owner,
          fence,
          weight: waiter.demand.weight,
          solo: false,
          metadata: '',
          sinceMs,
          remainingMs: CLAIM_MS,
        })
      }
    })

    it('S4 is told once, to the one who is granted, in its own process', async () => {
      const { first, second } = bench
      const told = [first, second].map((client) => {
        const grants: Grant[] = []
        client.semaphore.onGrant((grant) => grants.push(grant))
        client.readWriteLock.onGrant(() => grants.push({ owner: 'of another kind', fence: 0 }))
        return { client, grants }
      })
      const granted: Grant[] = []
      let [holder, ...waiters] = (await bench.lineOf('a', [3, 3, 3, 3, 3, 3])) as Asker[]
      // By the last grant of a client, everything that could be told of those before it has come.
      for (const waiter of waiters) {
        await holder?.release('a')
        granted.push({ owner: waiter.owner, fence: (await waiter.granted()).fence })
        await waiter.renew('a')
        holder = waiter
      }
      for (const { client, grants } of told) {
        const own = granted.filter(({ owner }) => owner.startsWith(`${client.clientId}.`))
        expect(grants).toEqual(own)
      }
    })

    it('S4 is told to nobody whose name only looks like the one that was granted', async () => {
      const { first, second } = bench
      // Clients of one memory engine are one client: it is told what any of the two asked for.
      if (first.clientId === second.clientId) return
      const heard: string[] = []
      first.semaphore.onGrant(({ owner }) => heard.push(owner))
      const { clientId } = first
      const [holder] = await bench.lineOf('a', [])
      const alike = [`${clientId}x`, `x${clientId}`, `${clientId}.1`, clientId.toUpperCase()]
      const strangers = alike.map((id) => bench.asker({}, { ...second, clientId: id }))
      for (const stranger of strangers) await stranger.join('a')
      const [last] = [bench.asker({ weight: 3 }, first)]
      await last.join('a')
      await holder.release('a')
      for (const stranger of strangers) await stranger.leave('a')
      await last.granted()
      expect(heard).toEqual([last.owner])
    })

    it('S4 does not stop with one who unsubscribed', async () => {
      const stopped: Grant[] = []
      const stop = bench.first.semaphore.onGrant((grant) => stopped.push(grant))
      stop()
      const [holder, head, tail] = await bench.lineOf('a', [1, 1])
      await holder.release('a')
      await Promise.all([head.granted(), tail.granted()])
      expect(stopped).toEqual([])
    })
  })

  describe('asking again', () => {
    it('S7 changes neither fence nor place, and gives a fresh lease', async () => {
      const [holder, head, tail] = await bench.lineOf('a', [3, 1])
      const fence = await holder.take('a')
      await bench.pass(2_000)
      expect(await holder.take('a')).toBe(fence)
      expect(await holder.tryAcquire('a')).toMatchObject({ tag: 'acquired', fence })
      expect(await bench.holdOf('a', holder)).toMatchObject({
        remainingMs: TTL_MS,
        sinceMs: bench.store.clock.wallMs() - 2_000,
      })
      expect(await head.join('a')).toBe(0)
      expect(await tail.join('a')).toBe(1)
      expect(await head.tryAcquire('a')).toMatchObject({
        tag: expect.stringMatching(/waiting|held/),
      })
      await bench.expectOf('a', [holder], [head, tail])
      expect((await bench.inspect('a')).used).toBe(PERMITS)
    })

    it('S7 takes nothing twice, also where more is free', async () => {
      const [one, two] = bench.askers([1, 2])
      const fence = await one.take('a')
      expect(await one.take('a')).toBe(fence)
      expect((await bench.inspect('a')).used).toBe(1)
      await two.take('a')
      expect(await one.take('a')).toBe(fence)
      await bench.expectOf('a', [one, two])
    })

    it('S7 in one tick is one ownership', async () => {
      const one = bench.asker()
      const answers = await Promise.all([one.acquire('a'), one.acquire('a'), one.acquire('a')])
      const fences = new Set(answers.map((answer) => answer.tag === 'acquired' && answer.fence))
      expect(fences.size).toBe(1)
      await bench.expectOf('a', [one])
      expect((await bench.inspect('a')).used).toBe(1)
    })

    it('S7 after a grant is the ownership that was granted', async () => {
      const [holder, head, tail] = await bench.lineOf('a', [2, 1])
      await holder.release('a')
      for (const waiter of [tail, head]) {
        const { fence } = await waiter.granted()
        expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired', fence })
        expect(await waiter.tryAcquire('a')).toMatchObject({ tag: 'acquired', fence })
      }
      expect((await bench.inspect('a')).used).toBe(3)
    })
  })

  describe('leaving', () => {
    it('S8 gives up a place, and those behind move up', async () => {
      const [holder, head, middle, tail] = await bench.lineOf('a', [2, 2, 2])
      await middle.leave('a')
      await bench.expectOf('a', [holder], [head, tail])
      expect(await tail.join('a')).toBe(1)
      await head.leave('a')
      await holder.release('a')
      await tail.granted()
      await bench.expectOf('a', [tail])
    })

    it('S8 has a late acquire refused', async () => {
      const [holder, waiter] = await bench.lineOf('a', [1])
      const never = bench.asker()
      for (const gone of [waiter, never]) {
        await gone.leave('a')
        expect(await gone.acquire('a')).toMatchObject({ tag: 'refused' })
        expect(await gone.tryAcquire('a')).toMatchObject({ tag: 'refused' })
      }
      await holder.release('a')
      expect(await waiter.acquire('a')).toMatchObject({ tag: 'refused' })
      await bench.expectOf('a', [])
    })

    it('S8 in one tick with the acquire refuses whichever comes later', async () => {
      const one = bench.asker()
      const [, answer] = await Promise.all([one.leave('a'), one.acquire('a')])
      expect(answer).toMatchObject({ tag: 'refused' })
      await bench.expectOf('a', [])
    })

    it('S8 passes on at once what was granted meanwhile, with higher fences', async () => {
      const [holder, head, ...rest] = await bench.lineOf('a', [3, 1, 2])
      await holder.release('a')
      const granted = await head.granted()
      await head.leave('a')
      for (const waiter of rest) {
        expect((await waiter.granted()).fence).toBeGreaterThan(granted.fence)
      }
      await bench.expectOf('a', rest)
      expect(await head.renew('a')).toBe('lost')
      expect(await head.acquire('a')).toMatchObject({ tag: 'refused' })
    })

    it('S8 frees what was acquired unnoticed', async () => {
      const [unlucky, neighbour] = bench.askers([2, 1])
      await unlucky.take('a')
      await neighbour.take('a')
      await unlucky.leave('a')
      expect(await bench.asker({ weight: 2 }).acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await unlucky.acquire('a')).toMatchObject({ tag: 'refused' })
      expect(await neighbour.renew('a')).toBe('renewed')
    })

    it('S8 takes nothing from anyone else, however often', async () => {
      const [holder, head] = await bench.lineOf('a', [2])
      await bench.pass(TTL_MS)
      await holder.leave('a')
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      for (const other of [holder, bench.asker(), holder]) await other.leave('a')
      await bench.expectOf('a', [head])
      expect((await bench.inspect('a')).used).toBe(2)
    })

    it('S8 keeps only from the name that was left', async () => {
      const one = bench.asker()
      await one.leave('a')
      expect(await one.acquire('b')).toMatchObject({ tag: 'acquired' })
    })
  })
}
