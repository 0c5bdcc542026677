// Logic above the contract: what callers see of counting down and of waiting.
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
import { gate, gone, watched } from '../../test/faults.ts'
import { timed } from '../../test/stopwatch.ts'
import { systemClock } from '../clock.ts'
import { ClosedError, LockTimeoutError } from '../errors.ts'
import { LOOK_EVERY_MS } from '../gate/watchers.ts'
import { createSluice, insideOf, type Sluice } from '../sluice.ts'
import { type FaultPlan, faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { createLatches, type Latches } from './latch.ts'
import type { LatchStore } from './latch-store.ts'
import { openLatchStore } from './open.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

/** Latches whose store fails as planned, those of another client, and the calls of the first. */
function openLatches(
  plan: FaultPlan<LatchStore> = () => undefined,
  change: (store: LatchStore) => LatchStore = (store) => store,
) {
  const { sluice, clock } = createTestSluice()
  cleanUps.push(() => sluice.close())
  const { engine } = insideOf(sluice)
  const store = openLatchStore(engine)
  const calls: string[] = []
  const planned = faulty(change(store), (call) => {
    calls.push(call.method)
    return plan(call)
  })
  const latches = createLatches(planned, clock, `${engine.clientId}a`)
  const others = createLatches(store, clock, `${engine.clientId}b`)
  return { clock, calls, latches, others }
}

describe('counting down', () => {
  it('answers how many are missing, and 0 from the last one on', async () => {
    const { latches, others } = openLatches()
    const own = latches.latch('a', { count: 3 })
    const other = others.latch('a', { count: 3 })
    expect(await own.countDown()).toBe(2)
    expect(await other.countDown()).toBe(1)
    expect(await own.countDown()).toBe(0)
    expect(await other.countDown()).toBe(0)
  })

  it('counts an id once, also after a lost answer', async () => {
    const lost = ({ count }: { count: number }) =>
      count === 1 ? { loseReplyWith: gone() } : undefined
    const { latches, others } = openLatches(lost)
    const own = latches.latch('a', { count: 2 })
    await expect(own.countDown({ id: 'part 1' })).rejects.toMatchObject({ outcome: 'unknown' })
    expect(await own.countDown({ id: 'part 1' })).toBe(1)
    expect(await others.latch('a', { count: 2 }).countDown({ id: 'part 1' })).toBe(1)
  })

  it('shows what is missing, of a latch that nobody has used as well', async () => {
    const { latches, clock } = openLatches()
    const latch = latches.latch('a', { count: 1 })
    expect(await latch.inspect()).toEqual({ name: 'a', count: 1, left: 1, openedAtMs: null })
    await latch.countDown()
    const openedAtMs = clock.wallMs()
    expect(await latch.inspect()).toEqual({ name: 'a', count: 1, left: 0, openedAtMs })
  })

  it('is refused to who says another count', async () => {
    const { latches, others } = openLatches()
    await latches.latch('a', { count: 3 }).countDown()
    const wrong = others.latch('a', { count: 2 })
    const refusal = { code: 'SLUICE_SETTINGS_MISMATCH', retryable: false, stored: 3, said: 2 }
    await expect(wrong.countDown()).rejects.toMatchObject(refusal)
    await expect(wrong.wait()).rejects.toMatchObject(refusal)
    expect(await wrong.inspect()).toMatchObject({ count: 3, left: 2 })
  })
})

describe('waiting', () => {
  it('ends for everybody as soon as it opens, and takes no time afterwards', async () => {
    const { latches, others, clock } = openLatches()
    const [own, other] = [latches, others].map((all) => all.latch('a', { count: 2 }))
    const waits = [own, own, other].map((latch) => watched(latch?.wait() ?? Promise.reject()))
    await own?.countDown()
    await clock.advance(1_000)
    expect(waits.map(({ isPending }) => isPending)).toEqual([true, true, true])
    await other?.countDown()
    await clock.advance(0)
    expect(waits).toEqual(waits.map(() => ({ value: undefined, isPending: false })))
    await own?.wait({ wait: 0 })
    expect(clock.monotonicMs()).toBe(1_000)
  })

  it('gives up exactly when wait is over, and says how many were missing', async () => {
    const { latches, others, clock } = openLatches()
    await others.latch('a', { count: 5 }).countDown()
    const wait = watched(latches.latch('a', { count: 5 }).wait({ wait: '12s' }))
    await clock.advance(6_000)
    await others.latch('a', { count: 5 }).countDown()
    await clock.advance(5_999)
    expect(wait.isPending).toBe(true)
    await clock.advance(1)
    expect(wait.error).toBeInstanceOf(LockTimeoutError)
    expect(wait.error).toMatchObject({
      message:
        'Latch "a" did not open within 12000 ms: 3 have not arrived. ' +
        'Wait longer, or look for who is late.',
      ...{ holder: null, since: null, position: 3, retryAfterMs: 0 },
    })
  })

  it('is 10 s unless it is said', async () => {
    const { latches, clock } = openLatches()
    const wait = watched(latches.latch('a', { count: 1 }).wait())
    await clock.advance(9_999)
    expect(wait.isPending).toBe(true)
    await clock.advance(1)
    expect(wait.error).toBeInstanceOf(LockTimeoutError)
  })

  it('with wait 0 looks once', async () => {
    const { latches, clock, calls } = openLatches()
    const wait = watched(latches.latch('a', { count: 7 }).wait({ wait: 0 }))
    await clock.advance(0)
    expect(wait.error).toMatchObject({ code: 'SLUICE_LOCK_TIMEOUT', position: 7 })
    expect(calls).toEqual(['watch'])
  })

  it('with wait 0 waits for the answer to that look', async () => {
    const late = gate()
    const { latches, clock } = openLatches(() => ({ replyAfter: late.opened }))
    const wait = watched(latches.latch('a', { count: 7 }).wait({ wait: 0 }))
    await clock.advance(1_000)
    expect(wait.isPending).toBe(true)
    late.open()
    await clock.advance(0)
    expect(wait.error).toMatchObject({ code: 'SLUICE_LOCK_TIMEOUT', position: 7 })
  })

  it('ends with the reason of the signal, before and while it waits', async () => {
    const { latches, clock, calls } = openLatches()
    const latch = latches.latch('a', { count: 1 })
    const reason = new Error('enough')
    await expect(latch.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(calls).toEqual([])
    const controller = new AbortController()
    const wait = watched(latch.wait({ signal: controller.signal }))
    await clock.advance(1_000)
    controller.abort(reason)
    await clock.advance(0)
    expect(wait.error).toBe(reason)
  })

  it('ends with ClosedError when the Sluice is closed', async () => {
    const { latches, clock } = openLatches()
    const latch = latches.latch('a', { count: 2 })
    const wait = watched(latch.wait())
    await clock.advance(1_000)
    await latches.close()
    await clock.advance(0)
    expect(wait.error).toBeInstanceOf(ClosedError)
    await expect(latch.wait()).rejects.toBeInstanceOf(ClosedError)
    await expect(latch.countDown()).rejects.toBeInstanceOf(ClosedError)
  })

  it('looks by itself when the news are lost, and not more often than it has to', async () => {
    const { latches, others, clock, calls } = openLatches(undefined, (store) => ({
      ...store,
      onNews: () => () => {},
    }))
    const wait = watched(latches.latch('a', { count: 1 }).wait({ wait: '10m' }))
    await clock.advance(60_000)
    expect(calls.length).toBeGreaterThanOrEqual(60_000 / LOOK_EVERY_MS)
    expect(calls.length).toBeLessThanOrEqual(1 + 60_000 / (LOOK_EVERY_MS * 0.8))
    await others.latch('a', { count: 1 }).countDown()
    await clock.advance(LOOK_EVERY_MS)
    expect(wait.isPending).toBe(false)
    const { length } = calls
    await clock.advance(60_000)
    expect(calls).toHaveLength(length)
  })

  it('looks once more when it was told while an answer was on its way', async () => {
    const late = gate()
    const { latches, others, clock } = openLatches(({ method, count }) =>
      method === 'watch' && count === 1 ? { replyAfter: late.opened } : undefined,
    )
    const wait = watched(latches.latch('a', { count: 1 }).wait())
    await clock.advance(0)
    await others.latch('a', { count: 1 }).countDown()
    await clock.advance(100)
    expect(wait.isPending).toBe(true)
    late.open()
    await clock.advance(0)
    expect(wait.isPending).toBe(false)
  })

  it('keeps the latch for as long as it takes', async () => {
    const { latches, others, clock } = openLatches()
    const short = { count: 2, keep: '1s' } as const
    const wait = watched(latches.latch('a', short).wait({ wait: '1h' }))
    await others.latch('a', short).countDown()
    await clock.advance('30m')
    expect(await others.latch('a', short).countDown()).toBe(0)
    await clock.advance(0)
    expect(wait.isPending).toBe(false)
    await clock.advance(1_000)
    expect(await others.latch('a', short).inspect()).toMatchObject({ left: 2 })
  })

  it('sits outages out, and reports one that lasted to its end', async () => {
    let isOut = true
    const { latches, others, clock } = openLatches(() =>
      isOut ? { refuseWith: gone() } : undefined,
    )
    const latch = latches.latch('a', { count: 1 })
    const failed = watched(latch.wait({ wait: '12s' }))
    await clock.advance(11_999)
    expect(failed.isPending).toBe(true)
    await clock.advance(1)
    expect(failed.error).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE' })
    const wait = watched(latch.wait({ wait: '12s' }))
    await clock.advance(1_000)
    isOut = false
    await others.latch('a', { count: 1 }).countDown()
    await clock.advance(LOOK_EVERY_MS)
    expect(wait).toEqual({ value: undefined, isPending: false })
  })
})

describe('on Redis', () => {
  const sluices: Sluice[] = []
  let prefix = ''

  /** Two processes' worth of clients that wait for one more. */
  async function waitOnRedis() {
    prefix = `test-${randomUUID()}`
    const [one, two] = [connect(), connect()]
    const waits = [one, two, one, two].map((sluice) => sluice.latch('a', { count: 3 }).wait())
    for (const sluice of [one, two]) await sluice.latch('a', { count: 3 }).countDown()
    await expect.poll(() => redisAdmin().zcard(`${prefix}:latch:{a}:watchers`)).toBe(2)
    return { one, two, waits }
  }

  function connect(): Sluice {
    const sluice = createSluice(inject('redisUrl'), { prefix })
    sluices.push(sluice)
    return sluice
  }

  afterEach(async () => {
    await Promise.all(sluices.splice(0).map((sluice) => sluice.close()))
    await wipeRedis(redisAdmin(), prefix)
  })

  it('those who wait are told, and do not have to look for themselves', async () => {
    const { one, waits } = await waitOnRedis()
    const { tookMs } = await timed(async () => {
      await one.latch('a', { count: 3 }).countDown()
      await Promise.all(waits)
    })
    // Else they would look again after 4 s or more.
    expect(tookMs).toBeLessThan(1_000)
  })

  it('who was out of reach when it opened looks as soon as it is back', async () => {
    const { one, two, waits } = await waitOnRedis()
    const { engine } = insideOf(two)
    if (engine.kind !== 'redis') throw new Error('this is no Redis')
    engine.inbox.reconnect(new Error('cut by a test'))
    const { tookMs } = await timed(async () => {
      await one.latch('a', { count: 3 }).countDown()
      await Promise.all(waits)
    })
    expect(tookMs).toBeLessThan(3_000)
  })
})

const refusing: Latches = createLatches(untouchable<LatchStore>(), systemClock, 'host:1:a')
const latch = refusing.latch('it', { count: 2 })

const TABLE: Refused[] = [
  {
    argument: 'latch.name',
    values: BAD_TEXTS,
    pass: (name) => refusing.latch(unchecked(name), { count: 1 }),
  },
  {
    argument: 'latch',
    values: BAD_OPTIONS,
    pass: (options) => refusing.latch('it', unchecked(options)),
  },
  {
    argument: 'latch.count',
    values: [...BAD_NUMBERS, undefined, 0, 10_001],
    pass: (count) => refusing.latch('it', { count: unchecked(count) }),
  },
  {
    argument: 'latch.keep',
    values: [...without(BAD_NUMBERS, '5s'), 0, 999, '999ms', '31d'],
    pass: (keep) => refusing.latch('it', { count: 1, keep: unchecked(keep) }),
  },
  {
    argument: 'latch.cuont',
    values: [1],
    pass: (value) => refusing.latch('it', unchecked({ count: 1, cuont: value })),
  },
  {
    argument: 'countDown',
    values: BAD_OPTIONS,
    pass: (options) => latch.countDown(unchecked(options)),
  },
  {
    argument: 'countDown.id',
    values: [...without(BAD_TEXTS, undefined), 'x'.repeat(257)],
    pass: (id) => latch.countDown({ id: unchecked(id) }),
  },
  { argument: 'wait', values: BAD_OPTIONS, pass: (options) => latch.wait(unchecked(options)) },
  {
    argument: 'wait.wait',
    values: BAD_DURATIONS,
    pass: (wait) => latch.wait({ wait: unchecked(wait) }),
  },
  {
    argument: 'wait.signal',
    values: [null, {}, [], 'x', 5, true, () => {}, { aborted: false }],
    pass: (signal) => latch.wait({ signal: unchecked(signal) }),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})
