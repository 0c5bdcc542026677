// Schedules as users see them, on every engine.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate, gone, refusal } from '../../test/faults.ts'
import { openQueueClients } from '../../test/queue-clients.ts'
import { StoreFullError } from '../errors.ts'
import type { TestClock } from '../testing/clock.ts'
import type { FaultPlan } from '../testing/faulty.ts'
import type { Job } from './run.ts'
import type { QueueStore } from './store.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** Time passes in steps until it is so. */
const until = <T>(clock: TestClock, look: () => T | Promise<T>, stepMs = 5 * SECOND_MS) =>
  expect.poll(() => clock.advance(stepMs).then(look), { interval: 1, timeout: 10_000 })

describe.each(engines)('schedules on $name', ({ open }) => {
  async function start(plan?: FaultPlan<QueueStore>) {
    const { ours, theirs, ...opened } = await openQueueClients(open, plan)
    const nowMs = () => Number(opened.clock.storeUs()) / 1000
    return { ...opened, ours: ours.queue<unknown>('q'), theirs: theirs.queue<unknown>('q'), nowMs }
  }

  type Started = Awaited<ReturnType<typeof start>>

  /** Works, and tells the slots of the jobs that came. */
  function slotsSeen(queue: Started['ours']): number[] {
    const seen: number[] = []
    queue.work(({ schedule }: Job<unknown>) => {
      seen.push(schedule?.slotAtMs ?? 0)
    })
    return seen
  }

  it('run a job for each slot, that knows which it is', async () => {
    const { clock, ours, theirs } = await start()
    const seen: Job<unknown>[] = []
    theirs.work((job) => {
      seen.push(job)
    })
    const made = await ours.schedule('minutely', { every: '1m' }, { n: 1 }, { catchUp: 'all' })
    await until(clock, () => seen.length).toBeGreaterThanOrEqual(3)
    const slots = [0, 1, 2].map((n) => made.nextAtMs + n * MINUTE_MS)
    expect(seen.slice(0, 3).map(({ data }) => data)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }])
    expect(seen.slice(0, 3).map(({ schedule }) => schedule)).toEqual(
      slots.map((slotAtMs) => ({ name: 'minutely', slotAtMs })),
    )
    const [plain] = await Promise.all([theirs.add(5)])
    await until(clock, () => seen.find(({ id }) => id === plain?.id)?.schedule).toBeNull()
  })

  it('are made, changed, listed and removed by name', async () => {
    const { ours, theirs, nowMs } = await start()
    const first = await ours.schedule('b', { every: '1h' }, 1, { catchUp: 'skip', priority: -1 })
    const expected = {
      ...{
        name: 'b',
        rule: { everyMs: HOUR_MS, atMs: null },
        data: 1,
        catchUp: 'skip',
        ...{ priority: -1, lifo: false, deadlineMs: null },
      },
      ...{ nextAtMs: nowMs() + HOUR_MS, lastAtMs: null, emittedCount: 0 },
    }
    expect(first).toEqual(expected)
    expect(await theirs.schedules.get('b')).toEqual(expected)
    // The clock of the tests begins with the year 2026.
    const cron = await theirs.schedule('a', { cron: '0 3 * * *', tz: 'Asia/Shanghai' }, 'x')
    expect(cron).toMatchObject({
      ...{
        rule: { cron: '0 3 * * *', tz: 'Asia/Shanghai' },
        catchUp: 'one',
        priority: 0,
        lifo: false,
        deadlineMs: null,
      },
      nextAtMs: Date.UTC(2026, 0, 1, 19),
    })
    const changed = await theirs.schedule('b', { every: '1h' }, 2)
    expect(changed).toEqual({ ...expected, data: 2, catchUp: 'one', priority: 0 })
    expect(await ours.schedules.list()).toEqual({ schedules: [cron, changed], cursor: null })
    const page = await ours.schedules.list({ limit: 1 })
    expect(page).toEqual({ schedules: [cron], cursor: 'a' })
    expect(await ours.schedules.list({ limit: 1, cursor: page.cursor })).toMatchObject({
      schedules: [changed],
    })
    expect(await ours.counts()).toEqual(NOWHERE)
    expect(await ours.list({ state: 'timed' })).toEqual({ jobs: [], cursor: null })
    expect(await ours.schedules.remove('b')).toBe(true)
    expect(await theirs.schedules.remove('b')).toBe(false)
    expect(await theirs.schedules.get('b')).toBeNull()
    const at = new Date(nowMs() + 5 * MINUTE_MS)
    expect(await ours.schedule('b', { every: '1h', at }, 1)).toMatchObject({
      nextAtMs: at.getTime(),
    })
  })

  it.each([
    ['skip', []],
    ['one', [3]],
    ['all', [1, 2, 3]],
  ] as const)('that nobody worked for catch up: %s', async (catchUp, slots) => {
    const { clock, ours, theirs, nowMs } = await start()
    const startMs = nowMs()
    await ours.schedule('hourly', { every: '1h' }, 1, { catchUp })
    await clock.advance(3.5 * HOUR_MS)
    const seen = slotsSeen(theirs)
    await until(clock, () => seen.length, 10 * SECOND_MS).toBeGreaterThan(slots.length)
    const hours = seen.map((slotMs) => (slotMs - startMs) / HOUR_MS)
    expect(hours.slice(0, slots.length)).toEqual(slots)
    // A worker in another process may come to the fourth too late by this clock.
    expect(hours[slots.length]).toBeGreaterThanOrEqual(4)
  })

  it('catch up with hundreds of slots, each once and in order', async () => {
    const { clock, ours, theirs, nowMs } = await start()
    const startMs = nowMs()
    await ours.schedule('every second', { every: '1s' }, 1, { catchUp: 'all' })
    await clock.advance(250 * SECOND_MS)
    const seen: number[] = []
    theirs.work(({ schedule }) => seen.push(schedule?.slotAtMs ?? 0), { concurrency: 1 })
    await until(clock, () => seen.length, 1).toBeGreaterThanOrEqual(250)
    expect(seen.slice(0, 250)).toEqual(
      Array.from({ length: 250 }, (_, n) => startMs + (n + 1) * SECOND_MS),
    )
  })

  it('miss the slots of a pause', async () => {
    const { clock, ours, theirs, nowMs } = await start()
    const startMs = nowMs()
    const seen = slotsSeen(theirs)
    await ours.pause()
    await ours.schedule('hourly', { every: '1h' }, 1)
    await clock.advance(3.5 * HOUR_MS)
    await clock.advance(1)
    expect(seen).toEqual([])
    await ours.resume()
    await until(clock, () => seen).toEqual([startMs + 3 * HOUR_MS])
  })

  it('go to those who take by hand', async () => {
    const { clock, ours, theirs, nowMs } = await start()
    const slotAtMs = nowMs() + HOUR_MS
    await ours.schedule('hourly', { every: '1h' }, 'data')
    expect(await theirs.take()).toEqual([])
    await clock.advance(HOUR_MS)
    const [delivery] = await theirs.take({ wait: '1m' })
    expect(delivery).toMatchObject({ data: 'data', schedule: { name: 'hourly', slotAtMs } })
    await delivery?.fail('no')
    expect(await theirs.dead.list()).toMatchObject([{ schedule: { name: 'hourly', slotAtMs } }])
    expect(await ours.list({ state: 'dead' })).toMatchObject({
      jobs: [{ schedule: { name: 'hourly', slotAtMs } }],
    })
  })

  it('emit each slot once, though a worker dies before it emits, and lives on', async () => {
    const healed = gate()
    let isCut = false
    const { clock, ours, theirs, nowMs } = await start(({ method }) => {
      if (method === 'exchange' && isCut) return { refuseWith: refusal() }
      if (method !== 'emitSlots') return undefined
      isCut = true
      return { callAfter: healed.opened }
    })
    const slotAtMs = nowMs() + HOUR_MS
    const seen = slotsSeen(ours)
    await theirs.schedule('hourly', { every: '1h' }, 1)
    await clock.advance(HOUR_MS)
    await until(clock, () => isCut, SECOND_MS).toBe(true)
    const others = slotsSeen(theirs)
    await until(clock, () => others.length, SECOND_MS).toBe(1)
    expect(others).toEqual([slotAtMs])
    isCut = false
    healed.open()
    await until(clock, () => theirs.counts(), SECOND_MS).toEqual(NOWHERE)
    expect([...seen, ...others]).toEqual([slotAtMs])
    expect(await theirs.schedules.get('hourly')).toMatchObject({ emittedCount: 1 })
  })

  it.each(['another rule', 'no schedule'])('emit nothing old, with %s meanwhile', async (now) => {
    const changed = gate()
    let isReached = false
    const { clock, ours, theirs } = await start(({ method, count }) => {
      if (method !== 'emitSlots' || count > 1) return undefined
      isReached = true
      return { callAfter: changed.opened }
    })
    const seen = slotsSeen(ours)
    await theirs.schedule('a', { every: '1h' }, 1)
    await clock.advance(HOUR_MS)
    await until(clock, () => isReached).toBe(true)
    if (now === 'no schedule') await theirs.schedules.remove('a')
    const { nextAtMs } = await theirs.schedule('b', { every: '10m' }, 1)
    const { nextAtMs: newAtMs } =
      now === 'no schedule' ? { nextAtMs: 0 } : await theirs.schedule('a', { every: '25m' }, 2)
    changed.open()
    const expected = now === 'no schedule' ? [nextAtMs] : [nextAtMs, newAtMs]
    await until(clock, () => expected.every((slot) => seen.includes(slot))).toBe(true)
    expect(Math.min(...seen)).toBe(nextAtMs)
  })

  it('emit once though an answer is lost, and later where the engine is full', async () => {
    const { clock, ours, theirs } = await start(({ method, count }) => {
      if (method !== 'emitSlots') return undefined
      if (count === 1) return { refuseWith: new StoreFullError('full') }
      return count === 2 ? { loseReplyWith: gone() } : undefined
    })
    const seen = slotsSeen(ours)
    const { nextAtMs } = await theirs.schedule('hourly', { every: '1h' }, 1)
    await clock.advance(HOUR_MS)
    await until(clock, () => seen, 250).toEqual([nextAtMs])
    await until(clock, () => theirs.counts(), 250).toEqual(NOWHERE)
    expect(await theirs.schedules.get('hourly')).toMatchObject({ emittedCount: 1 })
  })

  it('of another version do not keep others from running, and are told to the log', async () => {
    const { clock, ours, theirs, store, errors, nowMs } = await start()
    await store.putSchedule({
      ...{ queue: 'q', name: 'odd', rule: '{"cron":"at noon","tz":"UTC"}', payload: '1' },
      terms: { catchUp: 'one', maxAttempts: 3, priority: 0 },
      slotMs: nowMs() + HOUR_MS,
    })
    await theirs.schedule('hourly', { every: '1h' }, 1)
    const seen = slotsSeen(ours)
    await clock.advance(HOUR_MS)
    const oddCount = () => errors.filter(({ text }) => text.includes('"odd" of queue "q"')).length
    await until(clock, () => seen.length).toBeGreaterThanOrEqual(1)
    await until(clock, oddCount).toBeGreaterThanOrEqual(2)
    // Its ticket is back in line then: one that is in flight while another rule is put comes back once, beside the new one.
    await clock.advance('1s')
    await expect.poll(() => ours.counts()).toMatchObject({ inFlight: 0 })
    const { nextAtMs } = await ours.schedule('odd', { every: '1h', at: nowMs() }, 1)
    await until(clock, () => seen.some((slotMs) => slotMs >= nextAtMs)).toBe(true)
  })

  it('are finished by a worker that closes, and left by one that is gone', async () => {
    const finished = gate()
    let isReached = false
    const { clock, ours, theirs } = await start(({ method }) => {
      if (method !== 'emitSlots') return undefined
      isReached = true
      return { callAfter: finished.opened }
    })
    const worker = ours.work(() => {})
    await theirs.schedule('hourly', { every: '1h' }, 1)
    await clock.advance(HOUR_MS)
    await until(clock, () => isReached).toBe(true)
    const closing = worker.close()
    finished.open()
    await closing
    expect(await theirs.counts()).toEqual({ ...NOWHERE, ready: 1 })
    expect(await theirs.schedules.get('hourly')).toMatchObject({ emittedCount: 1 })
  })
})
