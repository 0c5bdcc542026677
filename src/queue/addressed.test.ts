// Jobs that are known by an id: what users see of them, on every engine.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate, gone, watched } from '../../test/faults.ts'
import { openQueueClients } from '../../test/queue-clients.ts'
import { ClosedError, StaleDeliveryError } from '../errors.ts'
import type { FaultPlan } from '../testing/faulty.ts'
import { JobFailedError, NotAddressableError, ResultTimeoutError } from './errors.ts'
import type { Job } from './run.ts'
import type { QueueStore } from './store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
/** How often a worker with the default lease asks whether what it runs is to be cancelled. */
const HEARTBEAT_MS = 15_000 / 4

describe.each(engines)('jobs with an id on $name', ({ open }) => {
  async function start(plan?: FaultPlan<QueueStore>) {
    const { clock, ours, theirs } = await openQueueClients(open, plan)
    const close = () => ours.close({ timeout: 0 })
    return { clock, ours: ours.queue<unknown>('q'), theirs: theirs.queue<unknown>('q'), close }
  }

  it('are added many at a time, each with options of its own, in order with plain ones', async () => {
    const { ours, theirs } = await start()
    await theirs.add('b', { id: 'b' })
    const added = await ours.addMany(['a', 'b', 'c', 'd', 'e', 'f'], (item, index) => {
      if (item === 'd' || item === 'e') return {}
      return item === 'f'
        ? { addressable: true, delay: '1h' }
        : { id: String(item), priority: index }
    })
    expect(added.map(({ id, added: isNew }) => [id.slice(0, 1), isNew])).toEqual([
      ...[
        ['a', true],
        ['b', false],
        ['c', true],
      ],
      ...[
        ['1', true],
        ['1', true],
        [added[5]?.id.slice(0, 1), true],
      ],
    ])
    const taken = await ours.take({ max: 10 })
    expect(taken.map(({ data }) => data)).toEqual(['b', 'a', 'd', 'e', 'c'])
    expect(await ours.counts()).toMatchObject({ timed: 1 })
    for (const delivery of taken) await delivery.ack()
    expect(await ours.addMany([], () => ({}))).toEqual([])
  })

  it('tell their progress also to who took them by hand', async () => {
    const { ours, theirs } = await start()
    await ours.add('a', { id: 'a' })
    await ours.add('plain')
    const [delivery, plain] = await theirs.take({ max: 2 })
    await delivery?.progress({ percent: 50 })
    await delivery?.log('half way')
    expect(await ours.get('a')).toMatchObject({ progress: { percent: 50 }, log: ['half way'] })
    await expect(plain?.progress(1)).rejects.toBeInstanceOf(NotAddressableError)
    await expect(plain?.log('x')).rejects.toBeInstanceOf(NotAddressableError)
    await delivery?.ack('result')
    await expect(delivery?.progress(1)).rejects.toBeInstanceOf(StaleDeliveryError)
    await plain?.ack()
  })

  it('are dead with a plain letter when their deadline passed before they began', async () => {
    const { clock, ours, theirs } = await start()
    const late = await ours.add('late', { id: 'a', deadline: '1s' })
    await clock.advance('2s')
    const worker = theirs.work(() => 'never')
    await expect(late.result()).rejects.toMatchObject({
      ...{ code: 'SLUICE_JOB_FAILED', state: 'dead', reason: 'its deadline passed' },
    })
    await expect.poll(() => ours.counts()).toEqual({ ...NOWHERE, dead: 1 })
    await worker.close()
    expect(await ours.dead.list()).toMatchObject([{ id: 'a', reason: 'its deadline passed' }])
    expect(await ours.dead.redrive()).toBe(1)
    const [delivery] = await ours.take()
    expect(delivery?.data).toBe('late')
    await delivery?.ack()
  })

  it('change their priority while they wait', async () => {
    const { ours } = await start()
    await ours.addMany(['a', 'b'], (item) => ({ id: String(item) }))
    expect(await ours.change('b', { priority: -1 })).toBe('changed')
    expect(await ours.change('none', { priority: -1 })).toBe(null)
    const taken = await ours.take({ max: 2 })
    expect(taken.map(({ id }) => id)).toEqual(['b', 'a'])
    for (const delivery of taken) await delivery.ack()
  })

  it('run once for each id, and tell what they returned', async () => {
    const { ours, theirs } = await start()
    const seen: unknown[] = []
    const first = await ours.add({ n: 1 }, { id: 'one' })
    const again = await theirs.add({ n: 2 }, { id: 'one' })
    const plain = await ours.add({ n: 3 })
    expect([first.id, first.added, again.id, again.added, plain.added]).toEqual([
      ...['one', true, 'one', false],
      true,
    ])
    expect(await theirs.get('one')).toMatchObject({ id: 'one', state: 'waiting', data: { n: 1 } })
    theirs.work((job) => {
      seen.push([job.id, job.data])
      return { of: job.data }
    })
    expect(await Promise.all([first.result(), again.result()])).toEqual([
      { of: { n: 1 } },
      { of: { n: 1 } },
    ])
    await expect
      .poll(() => seen)
      .toEqual([
        ['one', { n: 1 }],
        [plain.id, { n: 3 }],
      ])
    expect(await ours.get('one')).toMatchObject({ state: 'done', result: { of: { n: 1 } } })
    expect((await ours.add({ n: 4 }, { id: 'one' })).added).toBe(false)
    await expect.poll(() => ours.counts()).toEqual(NOWHERE)
  })

  it('keep their order among plain ones, also for one worker that runs one at a time', async () => {
    const { ours, theirs } = await start()
    for (let n = 0; n < 20; n++) {
      await ours.add(n, n % 3 === 0 ? { addressable: true } : {})
    }
    const seen: unknown[] = []
    theirs.work((job) => void seen.push(job.data), { concurrency: 1 })
    await expect.poll(() => seen.length).toBe(20)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('are added by the hundred with ids at random', async () => {
    const { ours, theirs } = await start()
    const added = await ours.addMany(
      Array.from({ length: 250 }, (_, n) => n),
      { addressable: true },
    )
    expect(new Set(added.map(({ id }) => id)).size).toBe(250)
    theirs.work((job) => job.data)
    expect(await Promise.all(added.map((one) => one.result({ wait: '30s' })))).toEqual(
      Array.from({ length: 250 }, (_, n) => n),
    )
  })

  it('fail with what they were told, and leave a plain dead letter', async () => {
    const { ours, theirs } = await start()
    const dead = await ours.add({ a: 1 }, { id: 'dead' })
    const [delivery] = await theirs.take({ wait: '5s' })
    expect(delivery?.id).toBe('dead')
    await delivery?.fail(new Error('no \u001b[31m way'))
    await expect(dead.result()).rejects.toThrow('Error: no \\u001b[31m way')
    await expect(dead.result()).rejects.toMatchObject({ state: 'dead' })
    expect(await ours.dead.list()).toMatchObject([
      { id: 'dead', data: { a: 1 }, reason: 'Error: no \u001b[31m way' },
    ])
    expect(await ours.get('dead')).toMatchObject({ state: 'dead', data: { a: 1 } })
  })

  it('are retried, and count their failures', async () => {
    const { ours, theirs, clock } = await start()
    const added = await ours.add(1, { id: 'a' })
    const [delivery] = await theirs.take({ wait: '5s' })
    await delivery?.retry({ delay: '1h' })
    expect(await ours.get('a')).toMatchObject({ state: 'waiting', attempts: 1 })
    expect(await ours.runNow('a')).toBe('changed')
    const [again] = await theirs.take({ wait: '5s' })
    expect(again).toMatchObject({ id: 'a', attempt: 2 })
    await again?.ack('done')
    expect(await added.result()).toBe('done')
    await clock.advance('2h')
    expect(await theirs.take()).toEqual([])
    expect(await ours.counts()).toEqual(NOWHERE)
  })

  it('are cancelled while they wait, and while they run', async () => {
    const { ours, theirs, clock } = await start()
    const reasons: unknown[] = []
    const running = gate()
    const [waits, runs] = [
      await ours.add(1, { id: 'waits', delay: '1h' }),
      await ours.add(2, { id: 'runs' }),
    ]
    theirs.work(async ({ signal }) => {
      running.open()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push(signal.reason)
      throw signal.reason
    })
    await running.opened
    expect(await ours.cancel('waits')).toBe('cancelled')
    expect(await ours.cancel('runs')).toBe('cancelling')
    await expect(waits.result()).rejects.toMatchObject({ state: 'cancelled' })
    await clock.advance(HEARTBEAT_MS)
    await expect(runs.result()).rejects.toBeInstanceOf(JobFailedError)
    expect(reasons).toMatchObject([{ code: 'SLUICE_JOB_FAILED', state: 'cancelled' }])
    expect(await ours.cancel('runs')).toBe('cancelled')
    expect(await ours.cancel('nothing')).toBeNull()
    await clock.advance('2h')
    await expect.poll(() => ours.counts()).toEqual(NOWHERE)
  })

  it('tell how far they are, and what they have to say', async () => {
    const { ours, theirs } = await start()
    await ours.add(1, { id: 'a' })
    const told = gate()
    const end = gate()
    let ended: Job<unknown> | undefined
    theirs.work(async (job) => {
      await job.progress({ percent: 50 })
      await job.log('half way')
      told.open()
      await end.opened
      ended = job
    })
    await told.opened
    expect(await ours.get('a')).toMatchObject({
      state: 'running',
      progress: { percent: 50 },
      log: ['half way'],
    })
    end.open()
    await expect.poll(async () => (await ours.get('a'))?.state).toBe('done')
    await expect(ended?.progress(100)).rejects.toBeInstanceOf(StaleDeliveryError)
  })

  it('are not looked for where a job is plain', async () => {
    const { ours, theirs } = await start()
    const plain = await ours.add(1)
    const refused: unknown[] = []
    theirs.work(async (job) => {
      await job.progress(1).catch((error: unknown) => refused.push(error))
      await job.log('x').catch((error: unknown) => refused.push(error))
    })
    await expect.poll(() => refused.length).toBe(2)
    const calls = [
      () => ours.get(plain.id),
      () => ours.cancel(plain.id),
      () => ours.runNow(plain.id),
      () => ours.change(plain.id, { delay: 5 }),
      () => plain.result(),
    ]
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(NotAddressableError)
    for (const error of refused) expect(error).toBeInstanceOf(NotAddressableError)
    expect(await ours.get('nothing')).toBeNull()
  })

  it('have a result that comes when it comes, or not in time', async () => {
    const { ours, theirs, clock, close } = await start()
    const added = await ours.add(1, { id: 'a' })
    const aborted = new AbortController()
    const late = watched(added.result({ wait: '1s' }))
    const stopped = watched(added.result({ signal: aborted.signal }))
    const closed = watched(added.result({ wait: '1h' }))
    aborted.abort('enough')
    await expect.poll(() => stopped.error).toBe('enough')
    await expect
      .poll(() => clock.advance(500).then(() => late.error))
      .toBeInstanceOf(ResultTimeoutError)
    expect(closed.isPending).toBe(true)
    await close()
    await expect.poll(() => closed.error).toBeInstanceOf(ClosedError)
    expect((await theirs.get('a'))?.state).toBe('waiting')
  })

  it('of one key follow each other, and each has its own result', async () => {
    const { ours, theirs } = await start()
    const how = { dedupe: { key: 'k', mode: 'keep-last' } } as const
    const first = await ours.add(1, how)
    expect(first.id).toBe('key:k')
    const [running] = await theirs.take({ wait: '5s' })
    const second = await ours.add(2, how)
    const third = await ours.add(3, how)
    expect([first.added, second.added, third.added]).toEqual([true, true, false])
    await running?.ack('one')
    expect(await first.result()).toBe('one')
    const [next] = await theirs.take({ wait: '5s' })
    expect(next).toMatchObject({ id: 'key:k', data: 3, attempt: 1 })
    await next?.ack('three')
    expect(await Promise.all([second.result(), third.result()])).toEqual(['three', 'three'])
    await expect(first.result()).rejects.toMatchObject({ state: 'forgotten' })
    expect(await ours.counts()).toEqual(NOWHERE)
  })

  it('are done though their result cannot be kept, and say so', async () => {
    const { ours, theirs } = await start()
    const added = await ours.add(1, { id: 'a' })
    theirs.work(() => 'x'.repeat(70_000))
    await expect(added.result()).rejects.toThrow(/is done, but its result could not be kept/)
    await expect.poll(() => ours.counts()).toEqual(NOWHERE)
  })

  it('are ended once though answers are lost: opening, closing and adding are said again', async () => {
    const lost = new Set(['addNamed', 'openRecords', 'closeRecords'])
    const { ours, clock } = await start(({ method, count }) =>
      lost.has(method) && count === 1 ? { loseReplyWith: gone() } : undefined,
    )
    let runs = 0
    await expect(ours.add(1, { id: 'a' })).rejects.toMatchObject({ outcome: 'unknown' })
    const added = await ours.add(2, { id: 'a' })
    expect(added.added).toBe(false)
    ours.work((job) => {
      runs++
      return job.data
    })
    const result = added.result({ wait: '30s' })
    await expect
      .poll(() => clock.advance(100).then(() => ours.get('a')))
      .toMatchObject({ state: 'done' })
    expect(await result).toBe(1)
    expect(runs).toBe(1)
    await expect.poll(() => clock.advance(100).then(() => ours.counts())).toEqual(NOWHERE)
  })

  it('are handed back by a worker that closes, as if they had not been taken', async () => {
    const { ours, theirs, clock } = await start()
    await ours.add(1, { id: 'a' })
    const running = gate()
    const worker = theirs.work(async ({ signal }) => {
      running.open()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    await running.opened
    const closing = watched(worker.close({ timeout: 0 }))
    await expect.poll(() => clock.advance(1).then(() => closing.isPending)).toBe(false)
    expect(await ours.get('a')).toMatchObject({ state: 'waiting', attempts: 0 })
    expect(await ours.counts()).toEqual({ ...NOWHERE, ready: 1 })
    const [again] = await ours.take()
    expect(again).toMatchObject({ id: 'a', attempt: 1 })
    await again?.ack()
  })
})
