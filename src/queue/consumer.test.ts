// What a consumer does when others depend on it, when it was given up for dead, and when it ends.
import { describe, expect, it, onTestFinished } from 'vitest'
import { gate, gone, refusal, silence, watched } from '../../test/faults.ts'
import { StaleDeliveryError } from '../errors.ts'
import { insideOf } from '../sluice.ts'
import { type FaultPlan, faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import { createQueues } from './queue.ts'
import type { QueueStore } from './store.ts'

/** Queues whose store fails as planned, and those of another client, whose store always works. */
function open(plan: FaultPlan<QueueStore> = () => undefined) {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  const { engine } = insideOf(sluice)
  const store = openQueueStore(engine)
  return {
    clock,
    queues: createQueues(faulty(store, plan), clock, 'here:1:a', 2_000),
    others: createQueues(store, clock, 'there:1:b', 2_000),
  }
}

describe('a job that becomes due', () => {
  it('is run on time though the workers that knew of it have closed', async () => {
    const { queues, clock } = open()
    const queue = queues.queue('q')
    const ranAtMs: number[] = []
    const workers = [1, 2, 3].map(() => queue.work(() => void ranAtMs.push(clock.monotonicMs())))
    await clock.advance(100)
    await queue.add('a', { delay: 1_000 })
    await clock.advance(100)
    for (const worker of workers.slice(0, 2)) {
      await worker.close()
      await clock.advance(10)
    }
    await clock.advance('5s')
    expect(ranAtMs).toEqual([1_100])
  })

  it('has waited since it was added, also where that had to wait for others', async () => {
    const held = gate()
    const { queues, clock } = open(({ method, count }) =>
      method === 'add' && count === 1 ? { replyAfter: held.opened } : undefined,
    )
    const queue = queues.queue<string>('q')
    const ran: string[] = []
    queue.work((job) => void ran.push(`${job.data} at ${Math.round(clock.monotonicMs())}`))
    await clock.advance(10)
    const adds = [queue.add('first')]
    await clock.advance(10)
    adds.push(queue.add('later', { delay: 1_000 }), queue.add('named', { delay: 300, id: 'a' }))
    adds.push(queue.add('late', { delay: 200 }))
    await clock.advance(400)
    held.open()
    await Promise.all(adds)
    await clock.advance(0)
    expect(ran).toEqual(['first at 10', 'named at 420', 'late at 420'])
    await clock.advance('5s')
    expect(ran.at(-1)).toBe('later at 1020')
  })

  it('for a retry is run on time by whoever is idle, while the one that failed is busy', async () => {
    const { queues, clock } = open()
    const queue = queues.queue<string>('q', { backoff: { type: 'fixed', base: 700 } })
    const ran: string[] = []
    const long = gate()
    const handler = async (job: { data: string; attempt: number }) => {
      ran.push(`${job.data} ${job.attempt} at ${clock.monotonicMs()}`)
      if (job.data === 'long') await long.opened
      else if (job.attempt === 1) throw new Error('not yet')
    }
    await queue.addMany(['fails', 'long'])
    queue.work(handler, { concurrency: 1 })
    await clock.advance(10)
    queue.work(handler, { concurrency: 1 })
    await clock.advance('5s')
    expect(ran.map((text) => text.split(' at ')[0])).toEqual(['fails 1', 'long 1', 'fails 2'])
    const ranAtMs = Number(ran[2]?.split(' at ')[1])
    expect(ranAtMs).toBeGreaterThanOrEqual(700)
    expect(ranAtMs).toBeLessThanOrEqual(710)
    long.open()
    await clock.advance(1)
  })
})

describe('a worker that is idle where jobs are added', () => {
  /** Queues that no engine wakes, and the calls that were made in their order. */
  function openUnwoken() {
    const calls: string[] = []
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const store = faulty(openQueueStore(insideOf(sluice).engine), ({ method }) => {
      calls.push(method)
      return undefined
    })
    const unwoken = { ...store, onWake: () => () => {} }
    return { calls, clock, queues: createQueues(unwoken, clock, 'here:1:a', 2_000) }
  }

  it('is told by the producer: its claim leaves right behind the jobs', async () => {
    const { queues, clock, calls } = openUnwoken()
    const queue = queues.queue<number>('q')
    const seen: number[] = []
    for (let worker = 0; worker < 3; worker++) queue.work(({ data }) => void seen.push(data))
    await clock.advance(10)
    for (const data of [1, 2, 3, 4]) {
      calls.splice(0)
      await queue.add(data)
      await clock.advance(1)
      // One of them claims, and then tells that it is done.
      expect(calls).toEqual(['add', 'exchange', 'exchange'])
    }
    expect(seen).toEqual([1, 2, 3, 4])
  })

  it('is not told of what is not due yet', async () => {
    const { queues, clock, calls } = openUnwoken()
    const queue = queues.queue<number>('q')
    queue.work(() => {})
    await clock.advance(10)
    calls.splice(0)
    await queue.add(1, { delay: '1m' })
    await clock.advance(1)
    expect(calls).toEqual(['add'])
  })
})

describe('a worker that was given up for dead', () => {
  it('is told so: signals abort, what it did is done again elsewhere, and it goes on', async () => {
    let isCut = false
    const epochs = new Set<string>()
    const { queues, others, clock } = open((call) => {
      if (call.method !== 'exchange') return undefined
      epochs.add(call.args[0].epoch)
      return isCut ? { refuseWith: refusal() } : undefined
    })
    const finish = gate()
    const aborted: unknown[] = []
    const ran: string[] = []
    const worker = queues.queue<string>('q').work(
      async ({ data, signal }) => {
        ran.push(`here ${data}`)
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        if (data === 'first') await finish.opened
      },
      { lease: '4s', concurrency: 1 },
    )
    await queues.queue('q').add('first')
    await clock.advance(10)
    isCut = true
    const other = others.queue<string>('q')
    other.work(({ data }) => void ran.push(`there ${data}`), { lease: '4s', concurrency: 1 })
    await clock.advance('10s')
    expect(ran).toEqual(['here first', 'there first'])
    isCut = false
    await clock.advance('2s')
    expect(aborted).toMatchObject([{ code: 'SLUICE_STALE_DELIVERY' }])
    expect(worker.runningCount).toBe(1)
    finish.open()
    await clock.advance(10)
    expect(worker.runningCount).toBe(0)
    expect(await other.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    await others.close()
    await queues.queue('q').add('second')
    await clock.advance('1s')
    expect(ran.at(-1)).toBe('here second')
    expect(epochs.size).toBe(2)
  })

  it('acknowledges by hand in vain, and is told so', async () => {
    let isCut = false
    const { queues, others, clock } = open(({ method }) =>
      method === 'exchange' && isCut ? { refuseWith: refusal() } : undefined,
    )
    await others.queue('q').add('a')
    const [delivery] = await queues.queue('q').take()
    if (!delivery) throw new Error('nothing was taken')
    isCut = true
    let runCount = 0
    others.queue('q').work(() => void runCount++, { lease: '15s' })
    await clock.advance('40s')
    expect(runCount).toBe(1)
    isCut = false
    await clock.advance('5s')
    expect(delivery.signal.reason).toBeInstanceOf(StaleDeliveryError)
    await expect(delivery.ack()).rejects.toMatchObject({
      code: 'SLUICE_STALE_DELIVERY',
      retryable: false,
      outcome: 'not-applied',
    })
    await expect(delivery.retry()).rejects.toBeInstanceOf(StaleDeliveryError)
    await expect(delivery.fail()).rejects.toBeInstanceOf(StaleDeliveryError)
  })
})

describe('an engine that is silent', () => {
  it('at the start is tried until it answers', async () => {
    const { queues, clock } = open(({ method, count }) =>
      method === 'exchange' && count < 5 ? { loseReplyWith: gone() } : undefined,
    )
    const queue = queues.queue('q')
    const ran: unknown[] = []
    const worker = queue.work(({ data }) => void ran.push(data))
    await queue.addMany([1, 2])
    expect(worker.sinceAnswerMs).toBe(null)
    await clock.advance('5s')
    expect(ran).toEqual([1, 2])
    expect(worker.sinceAnswerMs).not.toBe(null)
  })

  it('leaves no acknowledgement without an outcome when everything closes', async () => {
    let isCut = false
    const { queues, others, clock } = open(({ method }) =>
      method === 'exchange' && isCut ? { callAfter: silence } : undefined,
    )
    await others.queue('q').addMany(['a', 'b', 'c'])
    const [a, b, c] = await queues.queue('q').take({ max: 3 })
    isCut = true
    const outcomes = [watched(a?.ack() ?? silence)]
    await clock.advance(10)
    outcomes.push(watched(b?.ack() ?? silence), watched(c?.retry() ?? silence))
    await clock.advance(10)
    const closed = watched(queues.close())
    await clock.advance('3s')
    expect(closed.isPending).toBe(false)
    expect(outcomes.slice(1).map(({ error }) => error)).toEqual([
      expect.any(StaleDeliveryError),
      expect.any(StaleDeliveryError),
    ])
  })

  it('that refuses does not keep a closing worker busy for ever', async () => {
    let isCut = false
    const { queues, others, clock } = open(({ method }) =>
      method === 'exchange' && isCut ? { refuseWith: refusal() } : undefined,
    )
    const [one, other] = [gate(), gate()]
    await others.queue('q').addMany(['one', 'other'])
    const worker = queues
      .queue<string>('q')
      .work(({ data }) => (data === 'one' ? one.opened : other.opened))
    await clock.advance(10)
    isCut = true
    one.open()
    await clock.advance(10)
    other.open()
    await clock.advance(10)
    const closed = watched(worker.close({ timeout: 0 }))
    await clock.advance('3s')
    expect(closed.isPending).toBe(false)
    const before = performance.eventLoopUtilization()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.7)
  })
})
