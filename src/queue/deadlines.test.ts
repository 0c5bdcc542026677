// Every call is answered by its own deadline, however many wait in front of it.
import { describe, expect, it, onTestFinished } from 'vitest'
import { gate, gone, refusal, silence, watched } from '../../test/faults.ts'
import { sleep } from '../clock.ts'
import { Deadlines } from '../deadlines.ts'
import { insideOf } from '../sluice.ts'
import { type FaultPlan, faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import { createQueues } from './queue.ts'
import type { QueueStore } from './store.ts'

const TIMEOUT_MS = 2_000
const GRACE_MS = 250

function open(plan: FaultPlan<QueueStore> = () => undefined) {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  const store = openQueueStore(insideOf(sluice).engine)
  const queues = createQueues(faulty(store, plan), clock, 'here:1:a', TIMEOUT_MS)
  return { clock, queues, store }
}

describe('adding', () => {
  it('behind a batch that is never answered: not applied, and never added later', async () => {
    let batches = 0
    const { queues, clock, store } = open((call) => {
      if (call.method !== 'add') return undefined
      batches++
      return { callAfter: silence }
    })
    const queue = queues.queue<string>('q')
    const first = watched(queue.add('first'))
    await clock.advance(1_000)
    const second = watched(queue.add('second'))
    await clock.advance(TIMEOUT_MS - 1_000 + GRACE_MS)
    expect(first.error).toMatchObject({ outcome: 'unknown', retryable: true })
    expect(second.isPending).toBe(true)
    await clock.advance(1_000)
    expect(second.error).toMatchObject({ outcome: 'not-applied', retryable: true })
    expect(batches).toBe(1)
    expect((await store.counts('q')).ready).toBe(0)
  })

  it('more than one call carries: once a part was added, a failure of the rest is unknown', async () => {
    let batches = 0
    const { queues } = open((call) =>
      call.method === 'add' && ++batches === 2 ? { refuseWith: refusal() } : undefined,
    )
    const many = Array.from({ length: 1_500 }, (_, index) => index)
    await expect(queues.queue('q').addMany(many)).rejects.toMatchObject({
      outcome: 'unknown',
      message: expect.stringContaining('first 1000 of 1500'),
    })
  })
})

describe('adding many at a time', () => {
  it('some refused and some without an answer: unknown', async () => {
    const { queues } = open(({ method }) => {
      if (method === 'add') return { refuseWith: refusal() }
      return method === 'addNamed' ? { refuseWith: gone() } : undefined
    })
    const added = queues.queue<number>('q').addMany([1, 2], (n) => (n === 1 ? {} : { id: 'two' }))
    await expect(added).rejects.toMatchObject({ outcome: 'unknown' })
  })

  const all = Array.from({ length: 3_500 }, (_, index) => index)
  const FEW = 350

  /** Each call of the store takes 1.5 s, until there were so many: the next ones are never answered. */
  function openSlow(method: keyof QueueStore, most = Number.POSITIVE_INFINITY) {
    let calls = 0
    const held = gate()
    const opened = open((call) => {
      if (call.method !== method) return undefined
      return { callAfter: ++calls > most ? held.opened : sleep(opened.clock, 1_500) }
    })
    return { ...opened, queue: opened.queues.queue<number>('q'), held, callCount: () => calls }
  }
  const WAYS = [
    ['plain', 'add', all, undefined],
    ['with ids', 'addNamed', all.slice(0, FEW), (n: number) => ({ id: `id ${n}` })],
    ['of one key', 'addKeyed', all.slice(0, FEW), { key: 'k' }],
    ['of a key each', 'addKeyed', all.slice(0, FEW), (n: number) => ({ key: `k ${n}` })],
  ] as const

  it.each(WAYS)('%s: each call of the store has its own deadline', async (_, method, many, how) => {
    const { clock, queue, store, callCount } = openSlow(method)
    const added = watched(queue.addMany([...many], how))
    for (let call = 0; call < 4; call++) await clock.advance(1_500)
    await expect.poll(() => added.isPending).toBe(false)
    expect([added.error, callCount()]).toEqual([undefined, 4])
    expect((await store.counts('q')).ready).toBe(many.length)
  })

  it.each(WAYS)(
    '%s: what is not answered in time is unknown, and not sent later',
    async (...way) => {
      const [, method, many, how] = way
      const { clock, queue, store, held, callCount } = openSlow(method, 2)
      const added = watched(queue.addMany([...many], how))
      const behind = watched(queue.add(0))
      await clock.advance(1_500)
      await clock.advance(1_500)
      expect(behind.error).toMatchObject({ outcome: 'not-applied' })
      await clock.advance(TIMEOUT_MS - GRACE_MS)
      expect(added.isPending).toBe(true)
      await clock.advance(2 * GRACE_MS)
      const count = (many.length * 4) / 7
      expect(added.error).toMatchObject({
        outcome: 'unknown',
        message: expect.stringContaining(
          `The first ${count} of ${many.length} jobs were added, then`,
        ),
      })
      held.open()
      await expect.poll(async () => (await store.counts('q')).ready).toBe((count * 3) / 2)
      await queue.add(1)
      expect(callCount()).toBe(method === 'add' ? 4 : 3)
      expect((await store.counts('q')).ready).toBe((count * 3) / 2 + 1)
    },
  )
})

describe('by hand', () => {
  it('an acknowledgement that the engine does not confirm is unknown by the deadline, and told on', async () => {
    let isCut = false
    const { queues, clock, store } = open((call) =>
      isCut && call.method === 'exchange' ? { refuseWith: refusal() } : undefined,
    )
    const queue = queues.queue<string>('q', { timeout: '1m' })
    await queue.addMany(['a', 'b'])
    const [one, two] = await queue.take({ max: 2, wait: '1s' })
    isCut = true
    const first = watched(one?.ack() ?? silence)
    await clock.advance(10)
    const second = watched(two?.ack() ?? silence)
    await clock.advance(TIMEOUT_MS + GRACE_MS)
    expect(first.error).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'unknown' })
    expect(second.error).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'unknown' })
    isCut = false
    await clock.advance(2_000)
    expect(await store.counts('q')).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('taking without waiting answers with none by the deadline', async () => {
    const { queues, clock } = open((call) =>
      call.method === 'exchange' ? { refuseWith: refusal() } : undefined,
    )
    const taken = watched(queues.queue('q').take())
    await clock.advance(TIMEOUT_MS + GRACE_MS)
    expect(taken.value).toEqual([])
  })
})

describe('deadlines', () => {
  it('end what is open in the order in which it came, with one timer', async () => {
    const { clock } = open()
    let timers = 0
    const counting = {
      ...clock,
      after: (...args: Parameters<typeof clock.after>) => {
        timers++
        return clock.after(...args)
      },
    }
    const deadlines = new Deadlines(counting, 1_000)
    const ended: number[] = []
    for (let number = 0; number < 100; number++) {
      const stop = deadlines.watch(() => ended.push(number))
      if (number % 2 === 1) stop()
      await clock.advance(1)
    }
    await clock.advance(2_000)
    expect(ended).toEqual(Array.from({ length: 50 }, (_, index) => index * 2))
    expect(timers).toBeLessThanOrEqual(51)
  })
})
