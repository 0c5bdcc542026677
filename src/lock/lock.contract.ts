import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TestClock } from '../testing/clock.ts'
import type { AcquireAnswer, Grant, LockStore, Owner } from './store.ts'

/** One client of the data. */
export interface LockClient {
  readonly clientId: string
  readonly lock: LockStore
}

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedLockStore {
  readonly clock: TestClock
  readonly first: LockClient
  /** Another client of the same data. */
  second(): Promise<LockClient>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  /** Forgets everything that is stored, behind the back of the clients. */
  wipe(): Promise<void>
  close(): Promise<void>
}

const TTL_MS = 10_000
const CLAIM_MS = 3_000
const DAY_MS = 86_400_000
/** The resolution of every store. */
const MICROSECOND_MS = 0.001

/** One acquisition, by one client. */
class Asker {
  readonly owner: Owner
  readonly grants: Grant[] = []
  private readonly store: LockStore
  private hasAsked = false

  constructor(client: LockClient, number: number) {
    this.owner = `${client.clientId}.${number}`
    this.store = client.lock
    this.store.onGrant((grant) => {
      if (grant.owner === this.owner) this.grants.push(grant)
    })
  }

  async acquire(
    name: string,
    options: { enqueue?: boolean; ttlMs?: number; claimMs?: number } = {},
  ): Promise<AcquireAnswer> {
    const { enqueue = true, ttlMs = TTL_MS, claimMs = CLAIM_MS } = options
    const heartbeat = this.hasAsked
    this.hasAsked = true
    return this.store.acquire({ name, owner: this.owner, ttlMs, claimMs, enqueue, heartbeat })
  }

  /** Acquires what must be free, and answers the fence. */
  async take(name: string, ttlMs = TTL_MS): Promise<number> {
    const answer = await this.acquire(name, { ttlMs })
    if (answer.tag !== 'acquired') throw new Error(`${this.owner} got ${JSON.stringify(answer)}`)
    return answer.fence
  }

  /** Joins the line of what must be taken, and answers the position. */
  async join(name: string): Promise<number> {
    const answer = await this.acquire(name)
    if (answer.tag !== 'waiting') throw new Error(`${this.owner} got ${JSON.stringify(answer)}`)
    return answer.position
  }

  renew = async (name: string, ttlMs = TTL_MS) =>
    (await this.store.renew({ name, owner: this.owner, ttlMs })).tag
  release = async (name: string) => (await this.store.release({ name, owner: this.owner })).tag
  leave = (name: string) => this.store.leave({ name, owner: this.owner })
}

/** Names that have broken key layouts, patterns, objects and terminals; each is a lock of its own. */
const HOSTILE_NAMES = [
  ...[
    'a',
    'A',
    'a:b',
    'a:line',
    'a:waiters',
    'a:gone:x',
    'a{b',
    '}{',
    '{}',
    '{x}y',
    'x}',
    '*',
    '?',
  ],
  ...['[a]', '\\', '%', '%25', '%7B', '../x', "'; --", '"', 'KEYS[1]', '__proto__', 'constructor'],
  ...[
    'toString',
    'null',
    '0',
    'caf\u00e9',
    'cafe\u0301',
    '🔒',
    '👩‍👩‍👧',
    '限',
    'a b',
    'x'.repeat(1024),
  ],
]

/** The suite that every engine must pass; its titles carry the promises of `store.ts`. */
export function lockContract(open: () => Promise<OpenedLockStore>): void {
  let opened: OpenedLockStore
  let first: LockClient
  let second: LockClient
  let askerCount = 0

  beforeEach(async () => {
    opened = await open()
    first = opened.first
    second = await opened.second()
  })
  afterEach(() => opened.close())

  const asker = (client: LockClient = first) => new Asker(client, ++askerCount)
  /** Of two clients in turn, so that every order runs across both. */
  const askers = (count: number) =>
    Array.from({ length: count }, (_, index) => asker(index % 2 === 0 ? first : second))
  const pass = (ms: number) => opened.clock.advance(ms)
  const holderOf = async (name: string) => (await first.lock.inspect(name)).holder?.owner ?? null

  /** Waits for a grant, which comes by itself, and answers it. */
  async function grantOf(waiter: Asker): Promise<Grant> {
    const deadlineMs = performance.now() + 5_000
    while (waiter.grants.length === 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const grant = waiter.grants.shift()
    if (!grant) throw new Error(`${waiter.owner} was not told of its grant`)
    return grant
  }

  /** A lock that is taken, and those who wait for it in order. */
  async function lineOf(name: string, count: number): Promise<[Asker, ...Asker[]]> {
    const holder = asker()
    await holder.take(name)
    const waiters = askers(count)
    for (const [index, waiter] of waiters.entries()) expect(await waiter.join(name)).toBe(index)
    return [holder, ...waiters]
  }

  describe('one holder', () => {
    it('L1 a taken lock is refused to everyone else, of this client and of another', async () => {
      const holder = asker(first)
      const fence = await holder.take('a')
      for (const [waiterCount, other] of [asker(first), asker(second)].entries()) {
        expect(await other.acquire('a', { enqueue: false })).toMatchObject({
          tag: 'held',
          waiterCount,
          holder: { owner: holder.owner, sinceMs: opened.clock.wallMs(), remainingMs: TTL_MS },
        })
        expect(await other.acquire('a')).toMatchObject({ tag: 'waiting' })
      }
      expect((await first.lock.inspect('a')).holder).toMatchObject({ owner: holder.owner, fence })
    })

    it('L1 of many that ask in the same tick one gets it, and the line keeps their order', async () => {
      const many = Array.from({ length: 40 }, () => asker(first))
      const answers = await Promise.all(many.map((one) => one.acquire('a')))
      expect(answers.map(({ tag }) => tag)).toEqual([
        'acquired',
        ...new Array<string>(39).fill('waiting'),
      ])
      const { waiters } = await second.lock.inspect('a')
      expect(waiters.map(({ owner }) => owner)).toEqual(many.slice(1).map(({ owner }) => owner))
    })

    it('L1 of two clients that ask at the same time one gets it', async () => {
      for (let round = 0; round < 10; round++) {
        const both = [asker(first), asker(second)]
        const answers = await Promise.all(both.map((one) => one.acquire(`a${round}`)))
        expect(answers.map(({ tag }) => tag).sort()).toEqual(['acquired', 'waiting'])
      }
    })

    it('L1 a lease lasts to its last microsecond, and not one longer', async () => {
      const [holder, other] = [asker(first), asker(second)]
      await holder.take('a')
      await pass(TTL_MS - MICROSECOND_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({
        tag: 'held',
        holder: { owner: holder.owner, remainingMs: MICROSECOND_MS },
      })
      await pass(MICROSECOND_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'acquired' })
    })

    it('L1 a clock that stepped back ends no lease, and its holder goes on', async () => {
      const [holder, other] = [asker(first), asker(second)]
      await holder.take('a')
      opened.clock.stepWall(-DAY_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
      expect(await holder.renew('a')).toBe('renewed')
      await pass(TTL_MS - 1)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
      await pass(1)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'acquired' })
    })

    it('L1 locks of hostile names are kept apart, and listed as they are', async () => {
      const holders = HOSTILE_NAMES.map((name) => ({ name, holder: asker() }))
      await Promise.all(holders.map(({ name, holder }) => holder.take(name)))
      const listed = await second.lock.list(1_000)
      expect(listed.map(({ name }) => name).sort()).toEqual([...HOSTILE_NAMES].sort())
      for (const { name, holder } of holders) {
        expect(await holderOf(name), name).toBe(holder.owner)
        expect(await holder.release(name), name).toBe('released')
        expect(await holderOf(name), name).toBe(null)
      }
      expect(await second.lock.list(1_000)).toEqual([])
    })
  })

  describe('fences', () => {
    it('L2 grow over release, expiry, hand-over and leaving, on one client and the next', async () => {
      const fences: number[] = []
      for (let round = 0; round < 3; round++) {
        const [a, b, c, d, e] = askers(5) as [Asker, Asker, Asker, Asker, Asker]
        fences.push(await a.take('a'))
        await b.join('a')
        await c.join('a')
        await a.release('a')
        fences.push((await grantOf(b)).fence)
        await b.leave('a')
        fences.push((await grantOf(c)).fence)
        await pass(CLAIM_MS)
        fences.push(await d.take('a'))
        await d.release('a')
        fences.push(await e.take('a'))
        await pass(TTL_MS)
      }
      expect(fences).toEqual([...fences].sort((a, b) => a - b))
      expect(new Set(fences).size).toBe(fences.length)
      for (const fence of fences) expect(Number.isSafeInteger(fence)).toBe(true)
    })

    it('L2 grow though the clock stepped back by a day', async () => {
      const [a, b, c] = askers(3) as [Asker, Asker, Asker]
      const fence = await a.take('a')
      await b.join('a')
      opened.clock.stepWall(-DAY_MS)
      await b.join('a')
      await a.release('a')
      const granted = (await grantOf(b)).fence
      expect(granted).toBeGreaterThan(fence)
      await b.release('a')
      expect(await c.take('a')).toBeGreaterThan(granted)
    })

    it('L2 grow though all data was lost and the clock stepped back, if the client lives on', async () => {
      const [a, b, c] = [asker(first), asker(first), asker(first)]
      const fence = await a.take('a')
      await opened.wipe()
      opened.clock.stepWall(-DAY_MS)
      expect(await a.renew('a')).toBe('lost')
      const later = await b.take('a')
      expect(later).toBeGreaterThan(fence)
      await opened.wipe()
      expect(await c.take('another')).toBeGreaterThan(later)
    })

    it('L2 grow though the client has only seen the fence in a grant', async () => {
      const [holder, waiter, other] = [asker(first), asker(second), asker(second)]
      await holder.take('a')
      await waiter.join('a')
      await holder.release('a')
      const { fence } = await grantOf(waiter)
      await opened.wipe()
      opened.clock.stepWall(-DAY_MS)
      expect(await other.take('a')).toBeGreaterThan(fence)
    })
  })

  describe('ownership', () => {
    it('L3 nobody else renews or releases, and trying changes nothing', async () => {
      const [holder, ...others] = await lineOf('a', 2)
      const before = await opened.dump()
      for (const stranger of [...others, asker(first), asker(second)]) {
        expect(await stranger.renew('a')).toBe('lost')
        expect(await stranger.release('a')).toBe('lost')
      }
      expect(await opened.dump()).toEqual(before)
      expect(await holder.renew('a')).toBe('renewed')
    })

    it('L3 a lock that nobody ever had is nobody’s to renew or release', async () => {
      const before = await opened.dump()
      expect(await asker().renew('a')).toBe('lost')
      expect(await asker().release('a')).toBe('lost')
      expect(await opened.dump()).toEqual(before)
    })

    it('L3 a lease that is over can be neither renewed nor released', async () => {
      const [late, other] = [asker(first), asker(second)]
      await late.take('a')
      await pass(TTL_MS)
      expect(await late.renew('a')).toBe('lost')
      expect(await late.release('a')).toBe('lost')
      await other.take('a')
      expect(await late.renew('a')).toBe('lost')
      expect(await late.release('a')).toBe('lost')
      expect(await holderOf('a')).toBe(other.owner)
    })

    it('L3 a renewal is a full lease from now, shorter or longer than before', async () => {
      const [holder, other] = [asker(first), asker(second)]
      await holder.take('a')
      for (const ttlMs of [TTL_MS, 500, 60_000]) {
        await pass(400)
        expect(await holder.renew('a', ttlMs)).toBe('renewed')
        expect((await other.acquire('a', { enqueue: false })) as object).toMatchObject({
          holder: { remainingMs: ttlMs },
        })
      }
      await pass(60_000)
      expect(await holder.renew('a')).toBe('lost')
    })

    it('L3 a release that is repeated takes nothing from the next owner', async () => {
      const [holder, next] = [asker(first), asker(second)]
      await holder.take('a')
      expect(await holder.release('a')).toBe('released')
      await next.take('a')
      await holder.release('a')
      expect(await holderOf('a')).toBe(next.owner)
      expect(await next.renew('a')).toBe('renewed')
    })
  })

  lineContract({
    opened: () => opened,
    clients: () => ({ first, second }),
    asker: (client) => asker(client),
    lineOf,
    grantOf,
    holderOf,
  })
}

/** What the tests of the line need of those above. */
interface Line {
  opened(): OpenedLockStore
  clients(): { first: LockClient; second: LockClient }
  asker(client?: LockClient): Asker
  lineOf(name: string, count: number): Promise<[Asker, ...Asker[]]>
  grantOf(waiter: Asker): Promise<Grant>
  holderOf(name: string): Promise<Owner | null>
}

function lineContract({ opened, clients, asker, lineOf, grantOf, holderOf }: Line): void {
  const pass = (ms: number) => opened().clock.advance(ms)
  const waitersOf = async (name: string) =>
    (await clients().second.lock.inspect(name)).waiters.map(({ owner }) => owner)

  describe('the line', () => {
    it('L4 first come, first served, each told of its grant', async () => {
      let [holder, ...waiters] = await lineOf('a', 6)
      while (waiters.length > 0) {
        await holder.release('a')
        const [next, ...rest] = waiters as [Asker, ...Asker[]]
        const { fence } = await grantOf(next)
        expect((await clients().first.lock.inspect('a')).holder).toMatchObject({
          owner: next.owner,
          fence,
        })
        expect(await waitersOf('a')).toEqual(rest.map(({ owner }) => owner))
        for (const waiter of rest) expect(waiter.grants).toEqual([])
        holder = next
        waiters = rest
      }
    })

    it('L4 nobody passes those who wait, when the lock is released or its lease is over', async () => {
      const [holder, head, tail] = (await lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.renew('a', CLAIM_MS)
      await pass(CLAIM_MS)
      const newcomer = asker()
      expect(await newcomer.acquire('a', { enqueue: false })).toMatchObject({
        tag: 'held',
        waiterCount: 2,
        holder: null,
      })
      expect(await newcomer.acquire('a')).toMatchObject({
        tag: 'waiting',
        position: 2,
        holder: null,
      })
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting', position: 1 })
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await waitersOf('a')).toEqual([tail.owner, newcomer.owner])
    })

    it.each([0, 1, 2, 3])('L4 L6 a dead waiter at position %i is passed over', async (dead) => {
      const [holder, ...waiters] = await lineOf('a', 4)
      await pass(CLAIM_MS - 1)
      const living = waiters.filter((_, index) => index !== dead)
      for (const waiter of living) await waiter.acquire('a')
      await pass(2)
      let releaser = holder
      for (const waiter of living) {
        expect(await releaser.release('a')).toBe('released')
        await grantOf(waiter)
        expect(await holderOf('a')).toBe(waiter.owner)
        releaser = waiter
      }
      await releaser.release('a')
      expect(await clients().first.lock.inspect('a')).toEqual({
        name: 'a',
        holder: null,
        waiters: [],
      })
    })

    it('L4 L6 a line of dead waiters holds nobody up, nor lets anyone pass the living one', async () => {
      const [holder] = await lineOf('a', 40)
      await pass(CLAIM_MS - 1)
      const living = asker(clients().second)
      expect(await living.join('a')).toBe(40)
      await pass(2)
      await holder.release('a')
      const newcomer = asker()
      expect(await newcomer.acquire('a', { enqueue: false })).not.toMatchObject({
        tag: 'acquired',
      })
      if (living.grants.length === 0) {
        expect(await living.acquire('a')).toMatchObject({ tag: 'acquired' })
      }
      expect(await holderOf('a')).toBe(living.owner)
    })

    it('L6 when all who wait are dead, the next who asks gets it', async () => {
      const [holder] = await lineOf('a', 3)
      await pass(CLAIM_MS + 1)
      await holder.release('a')
      expect(await asker().take('a')).toBeGreaterThan(0)
    })

    it('L6 a waiter counts until its deadline, and each call moves it', async () => {
      const [holder, waiter] = (await lineOf('a', 1)) as [Asker, Asker]
      for (let round = 0; round < 3; round++) {
        await pass(CLAIM_MS - 1)
        expect(await waiter.join('a')).toBe(0)
        await holder.renew('a')
      }
      await pass(CLAIM_MS - 1)
      expect(await waitersOf('a')).toEqual([waiter.owner])
      await pass(2)
      expect(await waitersOf('a')).toEqual([])
      await holder.release('a')
      expect(await asker().take('a')).toBeGreaterThan(0)
    })

    it('L6 a waiter whose process is gone delays the next by one claim lease at most', async () => {
      const [holder] = await lineOf('a', 0)
      const ghost = asker({ clientId: 'nowhere:1:000000000000', lock: clients().second.lock })
      const living = asker()
      await ghost.join('a')
      await living.join('a')
      await holder.release('a')
      for (const ms of [0, CLAIM_MS, MICROSECOND_MS]) {
        await pass(ms)
        if (living.grants.length === 0) await living.acquire('a')
        if ((await holderOf('a')) === living.owner) return
      }
      throw new Error('the living one waited longer')
    })
  })

  describe('the hand-over', () => {
    it('L5 is for the claim lease only', async () => {
      const [holder, head, tail] = (await lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      await grantOf(head)
      const { holder: granted } = await clients().first.lock.inspect('a')
      expect(granted).toMatchObject({ owner: head.owner, remainingMs: CLAIM_MS })
      await pass(CLAIM_MS - 1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting', holder: { remainingMs: 1 } })
      await pass(1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await head.renew('a')).toBe('lost')
      expect(await head.acquire('a')).toMatchObject({ tag: 'waiting', position: 0 })
    })

    it.each(['acquire', 'renew'] as const)('L5 becomes a full lease by %s', async (how) => {
      const [holder, waiter] = (await lineOf('a', 1)) as [Asker, Asker]
      await holder.release('a')
      const { fence } = await grantOf(waiter)
      await pass(CLAIM_MS - 1)
      if (how === 'renew') expect(await waiter.renew('a')).toBe('renewed')
      else expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired', fence })
      expect((await clients().second.lock.inspect('a')).holder).toMatchObject({
        owner: waiter.owner,
        fence,
        remainingMs: TTL_MS,
      })
    })

    it('L5 lasts as long as the claim lease of the waiter’s own last call', async () => {
      const [holder] = await lineOf('a', 0)
      const waiter = asker()
      await waiter.acquire('a', { claimMs: 2_000 })
      await waiter.acquire('a', { claimMs: 700 })
      await holder.release('a')
      await grantOf(waiter)
      expect((await clients().first.lock.inspect('a')).holder?.remainingMs).toBe(700)
    })

    it('L7 asking again changes neither fence nor place, and gives a fresh lease', async () => {
      const [holder, head, tail] = (await lineOf('a', 2)) as [Asker, Asker, Asker]
      const fence = await holder.take('a')
      await pass(2_000)
      expect(await holder.take('a')).toBe(fence)
      expect((await clients().first.lock.inspect('a')).holder).toMatchObject({
        owner: holder.owner,
        remainingMs: TTL_MS,
        sinceMs: opened().clock.wallMs() - 2_000,
      })
      expect(await head.join('a')).toBe(0)
      expect(await tail.join('a')).toBe(1)
      expect(await head.acquire('a', { enqueue: false })).toMatchObject({
        tag: expect.stringMatching(/waiting|held/),
      })
      expect(await waitersOf('a')).toEqual([head.owner, tail.owner])
    })

    it('L7 calls of one owner in one tick are one ownership', async () => {
      const one = asker()
      const answers = await Promise.all([one.acquire('a'), one.acquire('a'), one.acquire('a')])
      expect(new Set(answers.map((answer) => answer.tag === 'acquired' && answer.fence)).size).toBe(
        1,
      )
      expect(await waitersOf('a')).toEqual([])
    })
  })

  describe('leaving', () => {
    it('L8 gives up a place, and those behind move up', async () => {
      const [holder, head, middle, tail] = (await lineOf('a', 3)) as [Asker, Asker, Asker, Asker]
      await middle.leave('a')
      expect(await waitersOf('a')).toEqual([head.owner, tail.owner])
      expect(await tail.join('a')).toBe(1)
      await head.leave('a')
      await holder.release('a')
      await grantOf(tail)
      expect(await holderOf('a')).toBe(tail.owner)
    })

    it('L8 a late acquire of one who left is refused', async () => {
      const [, waiter] = (await lineOf('a', 1)) as [Asker, Asker]
      const never = asker(clients().second)
      for (const gone of [waiter, never]) {
        await gone.leave('a')
        expect(await gone.acquire('a')).toMatchObject({ tag: 'refused' })
        expect(await gone.acquire('a', { enqueue: false })).toMatchObject({ tag: 'refused' })
      }
      expect(await waitersOf('a')).toEqual([])
    })

    it('L8 what was granted meanwhile is passed on at once, with a higher fence', async () => {
      const [holder, head, tail] = (await lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      const granted = await grantOf(head)
      await head.leave('a')
      const passed = await grantOf(tail)
      expect(passed.fence).toBeGreaterThan(granted.fence)
      expect(await holderOf('a')).toBe(tail.owner)
      expect(await head.renew('a')).toBe('lost')
    })

    it('L8 a lock that was acquired unnoticed is free again', async () => {
      const unlucky = asker()
      await unlucky.take('a')
      await unlucky.leave('a')
      expect(await asker(clients().second).acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await unlucky.acquire('a')).toMatchObject({ tag: 'refused' })
    })

    it('L8 takes nothing from anyone else, however often', async () => {
      const [holder, head] = (await lineOf('a', 1)) as [Asker, Asker]
      await pass(TTL_MS)
      await holder.leave('a')
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      for (const other of [holder, asker(), holder]) await other.leave('a')
      expect(await holderOf('a')).toBe(head.owner)
    })

    it('L8 keeps only the name that was left', async () => {
      const one = asker()
      await one.leave('a')
      expect(await one.acquire('b')).toMatchObject({ tag: 'acquired' })
    })
  })

  describe('looking', () => {
    it('L9 shows the holder, and who waits in which order', async () => {
      const [holder, ...waiters] = await lineOf('a', 3)
      await pass(1_000)
      const view = await clients().second.lock.inspect('a')
      expect(view).toEqual({
        name: 'a',
        holder: {
          owner: holder.owner,
          fence: await holder.take('a'),
          sinceMs: opened().clock.wallMs() - 1_000,
          remainingMs: TTL_MS - 1_000,
        },
        waiters: waiters.map(({ owner }) => ({ owner, kind: 'caller' })),
      })
    })

    it('L9 lists what is held or waited for, and no more than was asked for', async () => {
      for (const name of ['held', 'released', 'over', 'b', 'c']) await asker().take(name)
      const [releaser] = await lineOf('d', 1)
      await pass(TTL_MS - 1)
      for (const name of ['e', 'f']) await asker().take(name)
      const done = asker()
      await done.take('g')
      await done.release('g')
      await releaser.release('d')
      await pass(1)
      for (let idle = 0; idle < 30; idle++) {
        const briefly = asker()
        await briefly.take(`idle-${idle}`)
        await briefly.release(`idle-${idle}`)
      }
      const { lock } = clients().second
      expect((await lock.list(100)).map(({ name }) => name).sort()).toEqual(['e', 'f'])
      expect(await lock.list(100)).toContainEqual(await lock.inspect('e'))
      expect(await lock.list(1)).toHaveLength(1)
    })

    it('L9 changes nothing, also where leases and deadlines are over', async () => {
      await lineOf('a', 3)
      await pass(CLAIM_MS + 1)
      await lineOf('b', 2)
      for (const ms of [0, TTL_MS, DAY_MS]) {
        await pass(ms)
        const before = await opened().dump()
        for (const name of ['a', 'b', 'unknown']) await clients().second.lock.inspect(name)
        await clients().first.lock.list(100)
        expect(await opened().dump()).toEqual(before)
      }
    })

    it('L10 a lock that is idle leaves nothing but its fence', async () => {
      const [holder, head, tail] = (await lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      await grantOf(head)
      await head.release('a')
      await grantOf(tail)
      await tail.release('a')
      expect(await opened().dump()).toHaveLength(1)
      expect((await opened().dump())[0]).toContain('a')
    })
  })
}
