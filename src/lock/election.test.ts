// Who leads, who is told of it, and when: above the contract of locks, on a clock that the test moves.
import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  type Refused,
  refusesEach,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { redisAdmin } from '../../test/engines.ts'
import { gone, silence, watched } from '../../test/faults.ts'
import { systemClock } from '../clock.ts'
import { InternalError, LockLostError, LockTimeoutError } from '../errors.ts'
import { LOOK_EVERY_MS } from '../gate/watchers.ts'
import { createSluice, insideOf, type Sluice } from '../sluice.ts'
import { type FaultPlan, faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { createElections, type Elections, type Leader } from './election.ts'
import type { LeaderStore } from './leader-store.ts'
import { openLeaderStore, openLockStore } from './open.ts'
import type { LockStore } from './store.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

interface Plans {
  lock?: FaultPlan<LockStore>
  leader?: FaultPlan<LeaderStore>
  /** Of the first client. */
  news?: 'lost'
}

/** Elections whose stores fail as planned, and those of another client. */
function openElections({ lock, leader, news }: Plans = {}) {
  const { sluice, clock } = createTestSluice()
  cleanUps.push(() => sluice.close())
  const { engine } = insideOf(sluice)
  const store = openLockStore(engine, 'election')
  const leaders = openLeaderStore(engine, store)
  const calls: string[] = []
  const heard = news === 'lost' ? { ...leaders, onNews: () => () => {} } : leaders
  const elections = createElections(
    faulty(store, lock ?? (() => undefined)),
    faulty(heard, (call) => {
      calls.push(call.method)
      return leader?.(call)
    }),
    clock,
    `${engine.clientId}a`,
  )
  const others = createElections(store, leaders, clock, `${engine.clientId}b`)
  return { sluice, clock, calls, elections, others }
}

/** Reads what is observed, as it comes. */
function follow(observed: AsyncIterable<Leader | null>) {
  const seen: (string | null)[] = []
  const end = (async () => {
    for await (const leader of observed) seen.push(leader?.value ?? null)
    return 'ended'
  })()
  return { seen, end: watched(end) }
}

describe('campaigning', () => {
  it('one leads at a time, in the order in which they came, with growing fences', async () => {
    const { elections, others, clock } = openElections()
    const fences: number[] = []
    const order: number[] = []
    let leading = 0
    const runs = [0, 1, 2, 3, 4, 5].map((number) =>
      (number % 2 === 0 ? elections : others).election('a').run(async ({ fence }) => {
        leading++
        expect(leading).toBe(1)
        order.push(number)
        fences.push(fence)
        await new Promise((resolve) => setImmediate(resolve))
        leading--
      }),
    )
    await Promise.all(runs)
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    expect(clock.monotonicMs()).toBe(0)
  })

  it('shows who leads, where, since when and for how long', async () => {
    const { elections, others, clock } = openElections()
    const election = elections.election('a', { value: 'http://one', ttl: '20s' })
    expect(await others.election('a').leader()).toBe(null)
    const sinceMs = clock.wallMs()
    const leadership = await election.campaign()
    await clock.advance(1_000)
    expect(leadership).toMatchObject({ name: 'a', value: 'http://one' })
    expect(await others.election('a').leader()).toEqual({
      owner: leadership.owner,
      host: leadership.owner.split(':')[0],
      pid: process.pid,
      value: 'http://one',
      fence: leadership.fence,
      sinceMs,
      remainingMs: 19_000,
    })
    expect(await leadership.resign()).toBe('released')
    expect(await leadership.release()).toBe('released')
    expect(await election.leader()).toBe(null)
    expect(() => leadership.assertHeld()).toThrow(LockLostError)
  })

  it('says its host and process unless it is told what to say', async () => {
    const { elections } = openElections()
    const leadership = await elections.election('a').campaign()
    expect(leadership.value).toMatch(new RegExp(`^[\\w-]+:${process.pid}$`))
    expect(await elections.election('a').leader()).toMatchObject({ value: leadership.value })
  })

  it('the value of a candidate is shown from when it leads', async () => {
    const { elections, others, clock } = openElections()
    const first = await elections.election('a', { value: 'one' }).campaign()
    const second = watched(others.election('a', { value: 'two' }).campaign())
    await clock.advance(100)
    expect(await others.election('a').leader()).toMatchObject({ value: 'one' })
    await first.resign()
    await clock.advance(0)
    expect(second.value?.value).toBe('two')
    expect(second.value?.fence).toBeGreaterThan(first.fence)
    expect(await elections.election('a').leader()).toMatchObject({ value: 'two' })
  })

  it('answers null to tryCampaign, and gives up a campaign in time', async () => {
    const { elections, others, clock } = openElections()
    const leadership = await elections.election('a').tryCampaign()
    expect(await others.election('a').tryCampaign()).toBe(null)
    const late = watched(others.election('a').campaign({ wait: '2s' }))
    await clock.advance(2_000)
    expect(late.error).toBeInstanceOf(LockTimeoutError)
    expect(late.error).toMatchObject({ holder: leadership?.owner })
    expect((late.error as Error).message).toContain('Election "a"')
  })

  it('a lock of the same name is another thing', async () => {
    const { sluice } = createTestSluice()
    await sluice.lock('a').acquire()
    const leadership = await sluice.election('a').tryCampaign()
    expect(leadership).not.toBe(null)
    await sluice.close()
    expect(leadership?.signal.reason).toMatchObject({ reason: 'closed' })
  })

  it('a campaign ends when the Sluice is closed', async () => {
    const { elections, others, clock } = openElections()
    await others.election('a').campaign()
    const campaign = watched(elections.election('a').campaign({ wait: '1h' }))
    await clock.advance(100)
    await elections.close()
    await clock.advance(0)
    expect(campaign.error).toMatchObject({ code: 'SLUICE_CLOSED' })
  })
})

describe('proclaiming', () => {
  it('changes what everybody sees', async () => {
    const { elections, others } = openElections()
    const leadership = await elections.election('a', { value: 'one' }).campaign()
    await leadership.proclaim('two "é"')
    expect(leadership.value).toBe('two "é"')
    expect(await others.election('a').leader()).toMatchObject({
      value: 'two "é"',
      fence: leadership.fence,
    })
    expect(await leadership.resign()).toBe('released')
  })

  it('is for who leads only', async () => {
    const { elections, others, clock } = openElections({
      lock: ({ method }) => (method === 'renew' ? { callAfter: silence } : undefined),
    })
    const leadership = await elections.election('a', { value: 'one', ttl: '2s' }).campaign()
    await clock.advance(3_000)
    const next = await others.election('a', { value: 'two' }).campaign()
    await expect(leadership.proclaim('three')).rejects.toBeInstanceOf(LockLostError)
    expect(leadership.value).toBe('one')
    await next.resign()
    await expect(next.proclaim('four')).rejects.toBeInstanceOf(LockLostError)
    expect(await others.election('a').leader()).toBe(null)
  })

  it('learns from the store that it does not lead any more', async () => {
    const { sluice, elections } = openElections()
    const leadership = await elections.election('a').campaign()
    const store = openLockStore(insideOf(sluice).engine, 'election')
    await store.forceRelease({ name: 'a', reason: 'test', expectFence: null })
    await expect(leadership.proclaim('two')).rejects.toMatchObject({ reason: 'taken' })
    expect(leadership.signal.aborted).toBe(true)
  })
})

describe('observing', () => {
  it('W2 sees who leads, and then each change, at once', async () => {
    const { elections, others, clock } = openElections()
    const { seen } = follow(others.election('a').observe())
    await clock.advance(0)
    expect(seen).toEqual([null])
    const one = await elections.election('a', { value: 'one' }).campaign()
    await clock.advance(0)
    expect(seen).toEqual([null, 'one'])
    await one.proclaim('1')
    await clock.advance(0)
    expect(seen).toEqual([null, 'one', '1'])
    const two = watched(others.election('a', { value: 'two' }).campaign())
    await clock.advance(100)
    await one.resign()
    await clock.advance(0)
    expect(seen).toEqual([null, 'one', '1', 'two'])
    await two.value?.resign()
    await clock.advance(0)
    expect(seen).toEqual([null, 'one', '1', 'two', null])
    expect(clock.monotonicMs()).toBe(100)
    await clock.advance('1h')
    expect(seen).toHaveLength(5)
  })

  it('W1 sees who led before it began to look', async () => {
    const { elections, others, clock } = openElections()
    await elections.election('a', { value: 'one' }).campaign()
    const { seen } = follow(others.election('a').observe())
    await clock.advance(0)
    expect(seen).toEqual(['one'])
  })

  it('notices a leader that is gone without a word, when its lease is over', async () => {
    const { elections, others, clock } = openElections({
      lock: ({ method }) => (method === 'acquire' ? undefined : { callAfter: silence }),
      leader: ({ method }) => (method === 'announce' ? { callAfter: silence } : undefined),
    })
    await elections.election('a', { value: 'one', ttl: '1500ms' }).campaign()
    const { seen } = follow(others.election('a').observe())
    await clock.advance(1_499)
    expect(seen).toEqual(['one'])
    await clock.advance(5)
    expect(seen).toEqual(['one', null])
  })

  it('sees the candidate that follows one that is gone', async () => {
    const { elections, others, clock } = openElections({
      lock: ({ method }) => (method === 'acquire' ? undefined : { callAfter: silence }),
    })
    await elections.election('a', { value: 'one', ttl: '1500ms' }).campaign()
    const next = watched(others.election('a', { value: 'two' }).campaign({ wait: '1m' }))
    const { seen } = follow(others.election('a').observe())
    await clock.advance(1_510)
    expect(next.value?.value).toBe('two')
    expect(seen.filter((value) => value !== null)).toEqual(['one', 'two'])
    expect(seen.at(-1)).toBe('two')
  })

  it('sees the end of a leadership that was closed, or held for too long', async () => {
    const { elections, others, clock } = openElections()
    const { seen } = follow(others.election('a').observe())
    await elections.election('a', { value: 'one', maxHold: '2s' }).campaign()
    await clock.advance(2_000)
    expect(seen).toEqual([null, 'one', null])
    await elections.election('a', { value: 'two' }).campaign()
    await clock.advance(0)
    await elections.close()
    await clock.advance(0)
    expect(seen).toEqual([null, 'one', null, 'two', null])
  })

  it('looks by itself when the news are lost, and not more often than it has to', async () => {
    const { elections, others, clock, calls } = openElections({ news: 'lost' })
    const { seen } = follow(elections.election('a').observe())
    await clock.advance(60_000)
    expect(calls.length).toBeGreaterThanOrEqual(60_000 / LOOK_EVERY_MS)
    expect(calls.length).toBeLessThanOrEqual(1 + 60_000 / (LOOK_EVERY_MS * 0.8))
    await others.election('a', { value: 'one' }).campaign()
    await clock.advance(LOOK_EVERY_MS)
    expect(seen).toEqual([null, 'one'])
  })

  it('gives who reads slowly the latest, and no change that was undone', async () => {
    const { elections, others, clock } = openElections()
    const observed = others.election('a').observe()[Symbol.asyncIterator]()
    expect(await observed.next()).toEqual({ done: false, value: null })
    const leadership = await elections.election('a', { value: '0' }).campaign()
    for (const value of ['1', '2', '3']) {
      await leadership.proclaim(value)
      await clock.advance(0)
    }
    expect(await observed.next()).toMatchObject({ value: { value: '3' } })
    for (const value of ['4', '3']) {
      await leadership.proclaim(value)
      await clock.advance(0)
    }
    const next = watched(observed.next())
    await clock.advance(10_000)
    expect(next.isPending).toBe(true)
    await observed.return?.()
    await clock.advance(0)
    expect(next.value).toEqual({ done: true, value: undefined })
    expect(await observed.next()).toEqual({ done: true, value: undefined })
  })

  it('ends when the signal aborts, when its loop does, and when the Sluice is closed', async () => {
    const { elections, clock, calls } = openElections()
    const election = elections.election('a')
    const controller = new AbortController()
    const { seen, end } = follow(election.observe({ signal: controller.signal }))
    const open = follow(election.observe())
    await clock.advance(0)
    controller.abort()
    await clock.advance(0)
    expect([seen, end.value]).toEqual([[null], 'ended'])
    expect(follow(election.observe({ signal: controller.signal })).seen).toEqual([])
    for await (const leader of election.observe()) {
      expect(leader).toBe(null)
      break
    }
    expect(open.end.isPending).toBe(true)
    await elections.close()
    await clock.advance(0)
    expect(open.end.value).toBe('ended')
    const { length } = calls
    expect(await election.observe()[Symbol.asyncIterator]().next()).toMatchObject({ done: true })
    await clock.advance(60_000)
    expect(calls).toHaveLength(length)
  })

  it('sits outages out, and reports what will not pass', async () => {
    let failure: Error | null = gone()
    const { elections, others, clock } = openElections({
      leader: ({ method }) => (method === 'watch' && failure ? { refuseWith: failure } : undefined),
    })
    const { seen, end } = follow(elections.election('a').observe())
    await clock.advance(60_000)
    await others.election('a', { value: 'one' }).campaign()
    failure = null
    await clock.advance(LOOK_EVERY_MS)
    expect(seen).toEqual(['one'])
    failure = new InternalError('what is this?')
    await clock.advance(LOOK_EVERY_MS)
    expect(end.error).toBe(failure)
  })
})

describe('on Redis', () => {
  const prefix = `test-${randomUUID()}`
  const sluices: Sluice[] = []
  const connect = () => {
    const sluice = createSluice(inject('redisUrl'), { prefix })
    sluices.push(sluice)
    return sluice
  }
  afterEach(async () => {
    await Promise.all(sluices.splice(0).map((sluice) => sluice.close()))
    await wipeRedis(redisAdmin(), prefix)
  })
  /** Far less than the pause after which everybody looks by himself. */
  const soon = { timeout: 2_000, interval: 2 }

  it('W2 observers see election, proclamation, hand-over and resignation of other processes', async () => {
    const [one, two, observer] = [connect(), connect(), connect()]
    const { seen } = follow(observer.election('a').observe())
    await expect.poll(() => redisAdmin().zcard(`${prefix}:election:{a}:watchers`)).toBe(1)
    await expect.poll(() => seen).toEqual([null])
    const first = await one.election('a', { value: 'one' }).campaign()
    await expect.poll(() => seen, soon).toEqual([null, 'one'])
    await first.proclaim('1')
    await expect.poll(() => seen, soon).toEqual([null, 'one', '1'])
    const campaign = two.election('a', { value: 'two' }).campaign()
    await expect.poll(() => redisAdmin().zcard(`${prefix}:election:{a}:line`)).toBe(1)
    expect(await two.election('a').leader()).toMatchObject({ value: '1' })
    await first.resign()
    const second = await campaign
    expect(second.fence).toBeGreaterThan(first.fence)
    await expect.poll(() => seen.at(-1), soon).toBe('two')
    await two.close()
    await expect.poll(() => seen.at(-1), soon).toBe(null)
    expect(second.signal.aborted).toBe(true)
  })

  it('observers notice a leader that is gone without a word', async () => {
    const [observer, crashed] = [connect(), connect()]
    const { seen } = follow(observer.election('a').observe())
    await expect.poll(() => seen).toEqual([null])
    const { engine } = insideOf(crashed)
    const store = openLockStore(engine, 'election')
    const owner = `${engine.clientId}.e1`
    const how = { claimMs: 900, enqueue: false, heartbeat: false, replicas: 0 }
    const metadata = '{"value":"one"}'
    const request = { name: 'a', owner, ttlMs: 900, metadata, demand: { fair: true }, ...how }
    await store.acquire(request)
    await openLeaderStore(engine, store).announce('a')
    await expect.poll(() => seen, soon).toEqual([null, 'one'])
    await expect.poll(() => seen, soon).toEqual([null, 'one', null])
  })
})

const refusing: Elections = createElections(
  untouchable<LockStore>(),
  untouchable<LeaderStore>(),
  systemClock,
  'host:1:a',
)
const election = refusing.election('it')

const TABLE: Refused[] = [
  {
    argument: 'election.name',
    values: BAD_TEXTS,
    pass: (name) => refusing.election(unchecked(name)),
  },
  {
    argument: 'election',
    values: BAD_OPTIONS,
    pass: (options) => refusing.election('it', unchecked(options)),
  },
  {
    argument: 'election.value',
    values: [...without(BAD_TEXTS, undefined), 'é'.repeat(513)],
    pass: (value) => refusing.election('it', { value: unchecked(value) }),
  },
  {
    argument: 'election.ttl',
    values: [...without(BAD_NUMBERS, '5s'), 0, 99, '25h'],
    pass: (ttl) => refusing.election('it', { ttl: unchecked(ttl) }),
  },
  {
    argument: 'election.metadata',
    values: [{}],
    pass: (metadata) => refusing.election('it', unchecked({ metadata })),
  },
  {
    argument: 'campaign',
    values: BAD_OPTIONS,
    pass: (options) => election.campaign(unchecked(options)),
  },
  {
    argument: 'campaign.wait',
    values: BAD_DURATIONS,
    pass: (wait) => election.campaign({ wait: unchecked(wait) }),
  },
  {
    argument: 'observe',
    values: BAD_OPTIONS,
    pass: (options) => election.observe(unchecked(options)),
  },
  {
    argument: 'observe.signal',
    values: [null, {}, 5, { aborted: false }],
    pass: (signal) => election.observe({ signal: unchecked(signal) }),
  },
  {
    argument: 'run.work',
    values: [undefined, null, 5, {}],
    pass: (work) => election.run(unchecked(work)),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})
