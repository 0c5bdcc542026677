import { describe, expect, it } from 'vitest'
import type { openCouncil as OpenCouncil, TestCouncil } from '../../test/councils.ts'
import { EngineUnavailableError, LockLostError, LockTimeoutError } from '../errors.ts'
import type { TestClock } from '../testing/index.ts'
import { QuorumError } from './errors.ts'

const down = new EngineUnavailableError('It is down.', { outcome: 'not-applied' })
const never = new Promise<never>(() => {})
const TTL_MS = 10_000
const terms = { ttl: TTL_MS }

const bring = ({ nodes }: TestCouncil, isUp: (index: number) => boolean) => {
  for (const [index, node] of nodes.entries()) {
    node.plan = () => (isUp(index) ? undefined : { refuseWith: down })
  }
}
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** What locks of a majority promise, on nodes whose calls go wrong; titles carry the promises of `store.ts`. */
export function redlockContract(openCouncil: typeof OpenCouncil): void {
  describe('a majority of five nodes', () => {
    it.each(Array.from({ length: 32 }, (_, mask) => mask))(
      'M1 M2 decides with up nodes %i',
      async (mask) => {
        const council = openCouncil(5)
        const isUp = (index: number) => (mask & (1 << index)) !== 0
        const up = [0, 1, 2, 3, 4].filter(isUp).length
        bring(council, isUp)
        const [mine, theirs] = [council.client(), council.client()]
        if (up >= 3) {
          const lease = await mine.lock('a', terms).acquire({ wait: 0 })
          expect(await theirs.lock('a', terms).tryAcquire()).toBeNull()
          expect(await lease.release()).toBe('released')
          const next = await theirs.lock('a', terms).tryAcquire()
          expect(next?.fence).toBeGreaterThan(lease.fence)
          return
        }
        const error = await failureOf(mine.lock('a', terms).tryAcquire())
        expect(error).toBeInstanceOf(QuorumError)
        const { votes, needed } = error as QuorumError
        expect(needed).toBe(3)
        const words = votes.map(({ vote }) => vote)
        for (const index of [0, 1, 2, 3, 4]) {
          expect(isUp(index) ? ['granted', 'pending'] : ['unreachable', 'pending']).toContain(
            words[index],
          )
        }
        await council.clock.advance(1)
        expect(await council.holders('a')).toBe(0)
      },
    )

    it('M2 nodes that never answer cost their deadline, and are named', async () => {
      const council = openCouncil(5)
      const lock = council.client().lock('a', terms)
      for (const node of council.nodes.slice(3)) node.plan = () => ({ callAfter: never })
      expect(await lock.tryAcquire()).not.toBeNull()
      for (const node of council.nodes) node.plan = () => ({ callAfter: never })
      const trying = failureOf(council.client().lock('b', terms).tryAcquire())
      await council.clock.advance(200)
      const error = (await trying) as QuorumError
      expect(error.votes.map(({ vote }) => vote)).toEqual(new Array(5).fill('late'))
      bring(council, () => true)
    })

    it('M3 a lease that is over when the votes are there is not given out, and given back', async () => {
      const council = openCouncil(5)
      const lock = council.client({ nodeTimeoutMs: 60_000 }).lock('a', { ttl: '1s' })
      for (const node of council.nodes) {
        node.plan = ({ method }) =>
          method === 'acquire'
            ? { replyAfter: new Promise<void>((resolve) => council.clock.after(1_500, resolve)) }
            : undefined
      }
      const trying = failureOf(lock.tryAcquire())
      await council.clock.advance(1_500)
      expect(await trying).toMatchObject({ code: 'SLUICE_QUORUM', message: /in time/ })
    })

    it('M3 what is left has to be more than minValidity', async () => {
      const council = openCouncil(3)
      const locks = council.client({ minValidityMs: 9_800, nodeTimeoutMs: 1_000 })
      const slow = (forMs: number) => {
        for (const node of council.nodes) {
          const replyAfter = new Promise<void>((resolve) => council.clock.after(forMs, resolve))
          node.plan = ({ method }) => (method === 'acquire' ? { replyAfter } : undefined)
        }
      }
      slow(90)
      const good = locks.lock('a', terms).tryAcquire()
      await council.clock.advance(90)
      expect((await good)?.remainingMs).toBe(TTL_MS - 102 - 90)
      slow(98)
      const late = failureOf(locks.lock('b', terms).tryAcquire())
      await council.clock.advance(98)
      expect(await late).toBeInstanceOf(QuorumError)
      expect(await council.holders('b')).toBe(0)
    })

    it('M4 a call that arrives after the lease was given back is given back as well', async () => {
      const council = openCouncil(5)
      const [, , , , slow] = council.nodes
      const callAfter = new Promise<void>((resolve) => council.clock.after(50, resolve))
      if (slow) slow.plan = ({ method }) => (method === 'acquire' ? { callAfter } : undefined)
      const lease = await council.client().lock('a', terms).acquire()
      await lease.release()
      expect(await council.holders('a')).toBe(0)
      await council.clock.advance(50)
      expect(slow?.calls.slice(-2)).toEqual(['release', 'release'])
      expect(await council.holders('a')).toBe(0)
    })

    it('M4 a release that is answered after the call, and found what it left, is not repeated', async () => {
      const council = openCouncil(5)
      const [, , , , slow] = council.nodes
      const [acquired, released] = [50, 60].map(
        (ms) => new Promise<void>((resolve) => council.clock.after(ms, resolve)),
      ) as [Promise<void>, Promise<void>]
      if (slow)
        slow.plan = ({ method }) => ({ replyAfter: method === 'acquire' ? acquired : released })
      const lease = await council.client().lock('a', terms).acquire()
      await lease.release()
      await council.clock.advance(60)
      expect(slow?.calls.filter((method) => method === 'release')).toHaveLength(1)
      expect(await council.holders('a')).toBe(0)
    })

    it('M4 of a tie nobody keeps anything, and one gets it soon', async () => {
      const council = openCouncil(4)
      const [one, other] = [
        council.client({ random: () => 0.2 }),
        council.client({ random: () => 0.9 }),
      ]
      const order = (index: number, first: boolean) => index < 2 === first
      let asked = 0
      for (const [index, node] of council.nodes.entries()) {
        // Of the first two calls of each node the one that is to win there comes first.
        node.plan = ({ method, count }) => {
          if (method !== 'acquire' || count > 2) return undefined
          asked++
          const isFirst = count === 1
          if (order(index, isFirst)) return undefined
          return { callAfter: new Promise<void>((resolve) => council.clock.after(1, resolve)) }
        }
      }
      const both = [one, other].map((locks) => locks.lock('a', terms).acquire({ wait: '5s' }))
      await council.clock.advance(400)
      expect(asked).toBe(8)
      const lease = await Promise.race(both)
      expect(await council.holders('a')).toBe(4)
      await lease.release()
      await council.clock.advance('1s')
      for (const each of await Promise.all(both)) await each.release()
    })
  })

  describe('restarts and twins', () => {
    it('M5 a node that began to run less than the longest TTL ago has no vote', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      for (const [index, node] of council.nodes.slice(0, 2).entries()) {
        node.server = { id: `new ${index}`, startedAtMs: 0, inCluster: false }
      }
      const error = (await failureOf(lock.tryAcquire())) as QuorumError
      expect(error.votes.map(({ vote }) => vote)).toEqual(['restarted', 'restarted', 'pending'])
      expect(council.nodes.flatMap(({ calls }) => calls)).toEqual([])
      await council.clock.advance(60_000)
      expect(await failureOf(lock.tryAcquire())).toBeInstanceOf(QuorumError)
      await council.clock.advance(1)
      expect(await lock.tryAcquire()).not.toBeNull()
    })

    it('M5 a node that restarts while it is asked has no vote', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      for (const [index, node] of council.nodes.slice(0, 2).entries()) {
        node.plan = () => {
          node.server = { id: `new ${index}`, startedAtMs: 0, inCluster: false }
          return undefined
        }
      }
      const error = (await failureOf(lock.tryAcquire())) as QuorumError
      expect(error.votes.filter(({ vote }) => vote === 'restarted')).toHaveLength(2)
      await council.clock.advance(1)
      expect(await council.holders('a')).toBe(0)
    })

    it('M5 a node that lost its data less than the longest TTL ago has no vote', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      await (await lock.acquire()).release()
      await council.clock.advance(60_000)
      for (const node of council.nodes.slice(1)) node.resetAtMs = council.clock.monotonicMs()
      const error = (await failureOf(lock.tryAcquire())) as QuorumError
      expect(error.votes.map(({ vote }) => vote)).toEqual(['pending', 'restarted', 'restarted'])
      expect(error.message).toContain('without the data')
      await council.clock.advance(60_001)
      expect(await lock.tryAcquire()).not.toBeNull()
    })

    it('M6 one server under two addresses has one vote', async () => {
      const council = openCouncil(3)
      for (const node of council.nodes) node.server = { ...node.server, id: 'the same' }
      const error = await failureOf(council.client().lock('a', terms).tryAcquire())
      expect(error).toMatchObject({
        code: 'SLUICE_QUORUM',
        votes: [
          {},
          { vote: 'duplicate', reason: 'the same server as node 0' },
          { vote: 'duplicate' },
        ],
      })
    })

    it('M6 one server that has voted under one address has no other vote when it answers at others, too', async () => {
      for (const id of ['server 0', 'server 2']) {
        const council = openCouncil(3)
        const lock = council.client().lock('a', terms)
        await (await lock.acquire()).release()
        for (const node of council.nodes) {
          if (node.server.id !== id) node.server = { ...node.server, id }
        }
        const error = await failureOf(lock.tryAcquire())
        expect(error).toMatchObject({ votes: [{}, { vote: 'duplicate' }, { vote: 'duplicate' }] })
      }
    })

    it('M6 a node of a cluster has no vote', async () => {
      const council = openCouncil(3)
      for (const node of council.nodes.slice(1)) node.server = { ...node.server, inCluster: true }
      const error = await failureOf(council.client().lock('a', terms).tryAcquire())
      expect(error).toMatchObject({ votes: [{}, { vote: 'refused' }, { vote: 'refused' }] })
    })
  })

  describe('fences', () => {
    it('M7 grow from majority to majority, whatever the clocks of the nodes say', async () => {
      const slowNodes = (clock: TestClock, index: number): TestClock => ({
        ...clock,
        storeUs: () => (clock.storeUs() ?? 0) - index * 3_600_000_000,
      })
      const council = openCouncil(5, slowNodes)
      const fences: number[] = []
      for (const ups of [
        [0, 1, 2],
        [2, 3, 4],
        [0, 3, 4],
        [1, 3, 4],
        [2, 3, 4],
        [1, 2, 4],
        [2, 3, 4],
      ]) {
        bring(council, (index) => ups.includes(index))
        const lease = await council.client().lock('a', terms).acquire()
        fences.push(lease.fence)
        await lease.release()
      }
      expect(fences).toEqual([...fences].sort((a, b) => a - b))
      expect(new Set(fences).size).toBe(fences.length)
    })

    it('M7 who does not have the lock on a node any more may not write its fence there', async () => {
      const council = openCouncil(3)
      for (const node of council.nodes.slice(0, 2)) {
        node.plan = ({ method, args }) => {
          if (method !== 'raiseFence') return undefined
          const { name } = args[0] as { name: string }
          return { callAfter: node.store.forceRelease({ name, reason: 'test', expectFence: null }) }
        }
      }
      expect(await council.client().lock('a', terms).tryAcquire()).toBeNull()
      await council.clock.advance(1)
      expect(await council.holders('a')).toBe(0)
    })

    it('M7 cost a question to each node, that `fence: false` saves', async () => {
      const council = openCouncil(3)
      const lease = await council.client({ fence: false }).lock('a', terms).acquire()
      expect(lease.fence).toBe(0)
      expect(council.nodes.flatMap(({ calls }) => calls)).not.toContain('raiseFence')
      await lease.release()
      await council.client().lock('a', terms).acquire()
      for (const { calls } of council.nodes)
        expect(calls.filter((call) => call === 'raiseFence')).toHaveLength(1)
    })
  })

  describe('while it is held', () => {
    it('M8 it is renewed by a majority, and nodes that came back get it too', async () => {
      const council = openCouncil(5)
      bring(council, (index) => index < 3)
      const lease = await council.client().lock('a', terms).acquire()
      expect(await council.holders('a')).toBe(3)
      bring(council, () => true)
      await council.clock.advance(TTL_MS / 2)
      expect(await council.holders('a')).toBe(5)
      bring(council, (index) => index >= 2)
      await council.clock.advance(TTL_MS * 3)
      lease.assertHeld()
      expect(await council.client().lock('a', terms).tryAcquire()).toBeNull()
    })

    it('M8 without a majority it is lost before its validity is over, and never extended after', async () => {
      const council = openCouncil(5)
      const lease = await council.client().lock('a', terms).acquire()
      bring(council, (index) => index < 2)
      let lostAtMs = 0
      lease.signal.addEventListener('abort', () => {
        lostAtMs = council.clock.monotonicMs()
      })
      await council.clock.advance(TTL_MS * 2)
      expect(lostAtMs).toBe(TTL_MS - 102)
      expect(lease.signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
      bring(council, () => true)
      expect(await failureOf(lease.extend(TTL_MS))).toBeInstanceOf(LockLostError)
      expect(await council.client().lock('a', terms).tryAcquire()).not.toBeNull()
    })

    it('M8 nodes that never had it do not make it lost while one that has it is silent', async () => {
      const council = openCouncil(5)
      bring(council, (index) => index < 3)
      const lease = await council.client().lock('a', terms).acquire()
      bring(council, (index) => index !== 0)
      for (const node of council.nodes.slice(3)) {
        node.plan = ({ method }) => (method === 'acquire' ? { refuseWith: down } : undefined)
      }
      await council.clock.advance(TTL_MS / 2)
      lease.assertHeld()
      expect(await failureOf(lease.release())).toMatchObject({
        ...{ code: 'SLUICE_QUORUM', outcome: 'unknown' },
      })
    })

    it('M8 what was forgotten by a majority is lost, and the rest given back', async () => {
      const council = openCouncil(3)
      const lease = await council.client().lock('a', terms).acquire()
      for (const { store } of council.nodes.slice(1)) {
        await store.forceRelease({ name: 'a', reason: 'gone', expectFence: null })
      }
      await council.clock.advance(TTL_MS / 2)
      expect(lease.signal.reason).toMatchObject({ reason: 'forced' })
      expect(await council.holders('a')).toBe(0)
    })

    it('forceRelease takes it on a majority, and says why', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      expect(await lock.forceRelease({ reason: 'nobody' })).toBe('free')
      const lease = await lock.acquire()
      expect(await lock.forceRelease({ reason: 'no', expectFence: lease.fence - 1 })).toBe(
        'changed',
      )
      const other = council.client().lock('a', terms)
      expect(await other.forceRelease({ reason: 'maintenance', expectFence: lease.fence })).toBe(
        'released',
      )
      await council.clock.advance(TTL_MS / 2)
      expect(lease.signal.reason).toMatchObject({
        reason: 'forced',
        cause: { message: 'maintenance' },
      })
    })

    it('inspect shows the holder of the majority, who waits here, and what each node says', async () => {
      const council = openCouncil(3)
      const locks = council.client()
      const lock = locks.lock('a', { ...terms, metadata: { label: 'x' } })
      bring(council, (index) => index < 2)
      const lease = await lock.acquire()
      const waiting = lock.acquire({ wait: '1s' })
      await council.clock.advance(1)
      expect(await lock.inspect()).toMatchObject({
        holder: { owner: lease.owner, fence: lease.fence, metadata: { label: 'x' } },
        waiters: [{ kind: 'caller' }],
        nodes: [{ node: 'node 0', vote: 'granted' }, { vote: 'granted' }, { vote: 'unreachable' }],
      })
      await lease.release()
      await council.clock.advance(1)
      await (await waiting).release()
      await council.clock.advance(1)
      expect(await lock.inspect()).toMatchObject({
        holder: null,
        nodes: [{ vote: 'free' }, {}, {}],
      })
    })
  })

  describe('those of one process', () => {
    it('M9 wait in a line of their own, of which the first alone asks the nodes', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      const order: number[] = []
      const all = Array.from({ length: 10 }, (_, index) =>
        lock.run(() => void order.push(index), { wait: '5s' }),
      )
      await council.clock.advance('1s')
      await Promise.all(all)
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      for (const { calls } of council.nodes) {
        expect(calls.filter((call) => call === 'acquire')).toHaveLength(10)
      }
    })

    it('M9 are told who has it, and leave the line when their time is over', async () => {
      const council = openCouncil(3)
      const [mine, theirs] = [council.client(), council.client()]
      const lease = await theirs.lock('a', terms).acquire()
      const waiting = failureOf(mine.lock('a', terms).acquire({ wait: '1s' }))
      await council.clock.advance('1s')
      expect(await waiting).toBeInstanceOf(LockTimeoutError)
      expect(await waiting).toMatchObject({ holder: lease.owner, position: 0 })
      await lease.release()
      await council.clock.advance('1s')
      expect(await council.holders('a')).toBe(0)
      const after = await mine.lock('a', terms).tryAcquire()
      expect(after?.fence).toBeGreaterThan(lease.fence)
    })

    it('M9 ask others for it after pauses that grow, and differ from client to client', async () => {
      const council = openCouncil(3)
      const [first] = council.nodes as [TestCouncil['nodes'][0]]
      await council.client().lock('a', { ttl: '1m' }).acquire()
      const pausesOf = async (random: number) => {
        const asked: number[] = []
        first.plan = ({ method }) => {
          if (method === 'acquire') asked.push(council.clock.monotonicMs())
          return undefined
        }
        const lock = council.client({ random: () => random }).lock('a', terms)
        const waiting = failureOf(lock.acquire({ wait: '3s' }))
        for (let ms = 0; ms < 3_000; ms++) await council.clock.advance(1)
        expect(await waiting).toBeInstanceOf(LockTimeoutError)
        return asked.slice(1).map((ms, index) => ms - (asked[index] as number))
      }
      const [short, long] = [await pausesOf(0), await pausesOf(1)]
      expect(short).toEqual([...short].sort((a, b) => a - b))
      expect([short[0], short.at(-1)]).toEqual([5, 250])
      expect([long[0], long.at(-1)]).toEqual([10, 500])
    })

    it('M9 keep their line to themselves: of the nodes nobody asks for a place in theirs', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      const placesIn = new Set<unknown>()
      for (const node of council.nodes) {
        node.plan = ({ method, args }) => {
          if (method === 'acquire') placesIn.add((args[0] as { enqueue: boolean }).enqueue)
          return undefined
        }
      }
      const lease = await lock.acquire()
      const [gets, leaves] = [lock.acquire({ wait: '9s' }), failureOf(lock.acquire({ wait: 10 }))]
      await council.clock.advance(TTL_MS / 2)
      expect(await leaves).toBeInstanceOf(LockTimeoutError)
      await lease.release()
      await council.clock.advance('1s')
      await (await gets).release()
      expect([...placesIn]).toEqual([false])
      const used = new Set(council.nodes.flatMap(({ calls }) => calls))
      expect([...used].sort()).toEqual(['acquire', 'raiseFence', 'release', 'renew'])
    })

    it('M9 who waits for nodes that do not vote is told of them when the time is over', async () => {
      const council = openCouncil(3)
      const lock = council.client().lock('a', terms)
      bring(council, () => false)
      const waiting = failureOf(lock.acquire({ wait: '2s' }))
      await council.clock.advance('2s')
      expect(await waiting).toBeInstanceOf(QuorumError)
      const lucky = lock.acquire({ wait: '5s' })
      await council.clock.advance('1s')
      bring(council, () => true)
      await council.clock.advance('1s')
      expect((await lucky).remainingMs).toBeGreaterThan(0)
    })

    it('take several names or none', async () => {
      const council = openCouncil(3)
      const locks = council.client()
      const taken = await council.client().lock('b', terms).acquire()
      expect(await locks.lock(['a', 'b'], terms).tryAcquire()).toBeNull()
      await council.clock.advance(1)
      expect(await council.holders('a')).toBe(0)
      await taken.release()
      const both = await locks.lock(['b', 'a'], terms).tryAcquire()
      expect(both?.names).toEqual(['a', 'b'])
      await both?.release()
    })
  })
}
