// What happens to the jobs of a queue, as users follow it, on every engine.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate, gone } from '../../test/faults.ts'
import { openQueueClients } from '../../test/queue-clients.ts'
import type { FaultPlan } from '../testing/faulty.ts'
import type { QueueEvent } from './events.ts'
import type { EventsOptions, QueueOptions } from './options.ts'
import type { QueueStore } from './store.ts'

type Seen = Record<string, unknown>

/** Events without what no test knows. */
const seen = ({ cursor: _, atMs: __, ...event }: QueueEvent): Seen => event

describe.each(engines)('events of queues on $name', ({ open }) => {
  async function start(
    options: QueueOptions = { events: { keep: 1_000 } },
    plan?: FaultPlan<QueueStore>,
  ) {
    const { clock, ours, theirs: others } = await openQueueClients(open, undefined, plan)
    const backoff = { type: 'fixed', base: 0 } as const
    const jobs = ours.queue<string>('q', { backoff, ...options })
    return { clock, jobs, others, theirs: others.queue<string>('q') }
  }

  /** Reads on until it is stopped; `events` grows. */
  function follow(
    queue: { events(options?: EventsOptions): AsyncIterable<QueueEvent> },
    from = 'start',
  ) {
    const stop = new AbortController()
    const events: QueueEvent[] = []
    const ended = (async () => {
      for await (const event of queue.events({ from, signal: stop.signal })) events.push(event)
    })()
    ended.catch(() => {})
    return { events, ended, stop: () => stop.abort() }
  }

  it('come to another client as they happen', async () => {
    const { clock, jobs, theirs } = await start()
    const { events, ended, stop } = follow(theirs)
    const plain = await jobs.add('plain')
    await expect.poll(() => events.length).toBe(1)
    const named = await jobs.add('named', { id: 'a' })
    const keyed = await jobs.add('keyed', { key: 'k' })
    const worker = jobs.work(({ data, attempt }) => {
      if (data !== 'plain' && attempt < 3) throw new Error(`no ${data}`)
      if (data === 'keyed') throw new Error('never')
    })
    await expect.poll(() => jobs.counts()).toMatchObject({ ready: 0, timed: 0, inFlight: 0 })
    await worker.close()
    await expect.poll(() => events.length).toBe(10)
    const of = (id: string) => events.filter((event) => 'id' in event && event.id === id).map(seen)
    expect(of(plain.id)).toEqual(['added', 'done'].map((type) => ({ type, id: plain.id })))
    const tries = (id: string) => [
      { type: 'added', id },
      { type: 'retried', id, attempt: 1 },
      { type: 'retried', id, attempt: 2 },
    ]
    expect(of('a')).toEqual([...tries(named.id), { type: 'done', id: 'a' }])
    expect(of(keyed.id)).toEqual([
      ...tries(keyed.id),
      { type: 'dead', id: keyed.id, reason: 'Error: never' },
    ])
    for (const { atMs } of events) expect(atMs).toBeCloseTo(clock.wallMs(), -4)
    stop()
    await ended
  })

  it('go on behind a cursor, and from now', async () => {
    const { jobs, theirs } = await start()
    await jobs.addMany(['a', 'b'])
    const all = follow(theirs)
    await expect.poll(() => all.events.length).toBe(2)
    const rest = follow(theirs, all.events[0]?.cursor)
    await expect.poll(() => rest.events).toEqual(all.events.slice(1))
    const coming = theirs.events()
    const next = coming.next()
    const late = new Promise((resolve) => setTimeout(resolve, 30))
    await late
    await jobs.pause()
    expect(await next).toMatchObject({ value: { type: 'paused' } })
    await coming.return?.()
    await expect.poll(() => rest.events.length).toBe(2)
  })

  it('tell a reader that fell behind that some are lost', async () => {
    const { jobs, theirs } = await start({ events: { keep: 1 } })
    const slow = theirs.events({ from: 'start' })
    await jobs.add('first')
    expect(await slow.next()).toMatchObject({ value: { type: 'added' } })
    for (let batch = 0; batch < 250; batch++) await jobs.add('more')
    const { value } = await slow.next()
    expect(value).toMatchObject({ type: 'missed' })
    const { value: last } = await slow.next()
    expect(last).toMatchObject({ type: 'added' })
    await slow.return?.()
    // Behind what was missed one can go on as well.
    const again = follow(theirs, value?.cursor)
    await expect.poll(() => again.events[0]).toEqual(last)
  })

  it('end when the Sluice closes, also in the middle of a wait', async () => {
    const { others, theirs } = await start()
    const { ended, events } = follow(theirs)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await others.close()
    await ended
    expect(events).toEqual([])
  })

  it.each(['agreePartitions', 'readEvents'])(
    'end when the Sluice closes during %s',
    async (which) => {
      const held = gate()
      let isHeld = false
      const { others, theirs } = await start(undefined, ({ method }) => {
        if (method !== which) return undefined
        isHeld = true
        return { callAfter: held.opened }
      })
      const { ended } = follow(theirs)
      await expect.poll(() => isHeld).toBe(true)
      await others.close()
      held.open()
      await ended
    },
  )

  it('end at once where the signal has aborted', async () => {
    const { jobs, theirs } = await start()
    await jobs.add('a')
    const signal = AbortSignal.abort()
    for await (const event of theirs.events({ from: 'start', signal })) throw new Error(event.type)
  })

  it('go on by themselves after the engine failed', async () => {
    let fails = true
    const { clock, jobs, theirs } = await start(undefined, ({ method }) =>
      fails && method === 'readEvents' ? { refuseWith: gone() } : undefined,
    )
    const { events } = follow(theirs)
    await jobs.add('a')
    await clock.advance('10s')
    expect(events).toEqual([])
    fails = false
    await clock.advance('10s')
    await expect.poll(() => events.map(({ type }) => type)).toEqual(['added'])
  })

  it('of all partitions come together, and go on in each', async () => {
    const { jobs, theirs } = await start({ events: { keep: 100 }, partitions: 3 })
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const added = await Promise.all(keys.map((key) => jobs.add(key, { key })))
    await jobs.pause()
    const { events } = follow(theirs)
    await expect.poll(() => events.length).toBe(7)
    expect(events.flatMap((event) => ('id' in event ? event.id : [])).sort()).toEqual(
      added.map(({ id }) => id).sort(),
    )
    const [, , third] = events
    const rest = follow(theirs, third?.cursor)
    const sortOf = (all: QueueEvent[]) => all.map((event) => JSON.stringify(seen(event))).sort()
    await expect.poll(() => sortOf(rest.events)).toEqual(sortOf(events.slice(3)))
    const wrong = theirs.events({ from: '12' })
    await expect(wrong.next()).rejects.toMatchObject({ code: 'SLUICE_ARGUMENT' })
  })
})
