// Adds that count only when a replica has them, or the disk: on real servers.
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { NotDurableError } from '../src/index.ts'
import { createQueues } from '../src/queue/queue.ts'
import { redisQueueStore } from '../src/queue/redis/store.ts'
import { faulty } from '../src/testing/faulty.ts'
import { createTestSluice } from '../src/testing/index.ts'
import { startProxy } from './fault/proxy.js'
import { waitUntil } from './fault/resp.js'
import { startServer } from './fault/server.js'
import { gate } from './faults.ts'
import { redisEngineAt } from './redis-engine.ts'
import {
  COMMAND_TIMEOUT_MS,
  cleanUp,
  cleanUps,
  closePair,
  connect,
  failureOf,
  openPair,
  READY_MS,
  type Server,
  SLACK_MS,
  TEST_TIMEOUT_MS,
} from './replica-pair.ts'

afterEach(cleanUp)

/** One for the add, one for what has to confirm it. */
const LATEST_MS = 2 * COMMAND_TIMEOUT_MS + SLACK_MS

describe('an add that one replica must have', { timeout: TEST_TIMEOUT_MS }, () => {
  beforeAll(() => closePair)

  it('resolves when the replica has the job, and not before', async () => {
    const { sluice, replica, prefix } = await openPair({ commandTimeout: READY_MS })
    const queue = sluice.queue<string>('q')
    const { id } = await queue.add('first', { durability: 'replica' })
    const ready = `${prefix}:queue:{q}:ready`
    expect(String(await replica.command('LRANGE', ready, '0', '-1'))).toContain(id)
    replica.pause()
    let isSafe = false
    const adding = queue.add('second', { durability: { replicas: 1 }, id: 'b' }).then((added) => {
      isSafe = true
      return added
    })
    await expect.poll(async () => (await queue.counts()).ready).toBe(2)
    expect(isSafe).toBe(false)
    replica.resume()
    expect(await adding).toMatchObject({ id: 'b', added: true })
  })

  it('rejects while the replica stands still, and the job is there and runs', async () => {
    const { sluice, replica } = await openPair()
    const queue = sluice.queue<string>('q')
    replica.pause()
    const startedMs = performance.now()
    const adding = queue.addMany(['a', 'b'], { durability: 'replica' })
    const plain = await queue.add('c')
    const failure = await failureOf(adding)
    expect(performance.now() - startedMs).toBeLessThan(LATEST_MS)
    expect(failure).toBeInstanceOf(NotDurableError)
    expect(failure).toMatchObject({ outcome: 'unknown', retryable: false })
    expect((failure as Error).message).toMatch(
      /^2 jobs are on queue "q", but may be lost with the server: \S/,
    )
    const taken = await queue.take({ max: 5 })
    const { ids } = failure as NotDurableError
    expect(taken.map(({ id }) => id).sort()).toEqual([...ids, plain.id].sort())
    for (const delivery of taken) await delivery.ack()
  })

  it('is safe when it is added again by its id, once the replica is back', async () => {
    const { sluice, replica } = await openPair()
    const queue = sluice.queue<string>('q')
    const sure = { id: 'one', durability: 'replica' } as const
    replica.pause()
    expect(await failureOf(queue.add('a', sure))).toMatchObject({ ids: ['one'] })
    replica.resume()
    expect(await queue.add('a', sure)).toMatchObject({ id: 'one', added: false })
    expect(await queue.counts()).toMatchObject({ ready: 1 })
  })

  it('asks once for many, and keeps none waiting who asks no replica', async () => {
    const { sluice, master, replica } = await openPair({ commandTimeout: READY_MS })
    const queue = sluice.queue<number>('q')
    const waits = async () =>
      Number(
        /cmdstat_wait:calls=(\d+)/.exec(
          String(await master.command('INFO', 'commandstats')),
        )?.[1] ?? 0,
      )
    await queue.add(0, { durability: 'replica' })
    const before = await waits()
    replica.pause()
    const adding = []
    for (let index = 1; index <= 50; index++) {
      adding.push(queue.add(index, { durability: 'replica' }))
      await queue.add(-index)
    }
    replica.resume()
    await Promise.all(adding)
    expect((await waits()) - before).toBeLessThanOrEqual(3)
    expect(await queue.counts()).toMatchObject({ ready: 101 })
  })

  it('rejects when the replica is gone', async () => {
    const { sluice, replica } = await openPair()
    await replica.kill()
    const queue = sluice.queue<string>('q')
    const startedMs = performance.now()
    expect(await failureOf(queue.add('a', { durability: 'replica' }))).toBeInstanceOf(
      NotDurableError,
    )
    expect(performance.now() - startedMs).toBeLessThan(LATEST_MS)
    await queue.add('b')
    expect(await queue.counts()).toMatchObject({ ready: 2 })
    await replica.restart()
  })
})

describe('an add that a failover lost', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each([
    ['plain', () => ({})],
    ['by id', (id: string) => ({ id })],
  ])(
    '%s is not told as safe, where the new master has what was added after it',
    async (_, nameOf) => {
      const master = await startServer({ args: ['--repl-diskless-sync-delay', '0'] })
      cleanUps.push(() => master.close())
      const replica = await startServer({
        args: ['--replicaof', master.host, `${master.port}`, '--repl-diskless-sync-delay', '0'],
      })
      cleanUps.push(() => replica.close())
      const proxy = await startProxy({ to: master })
      cleanUps.push(() => proxy.close())
      const engine = redisEngineAt(`redis://${proxy.host}:${proxy.port}`, { prefix: 'failover' })
      cleanUps.push(() => engine.close())
      // The confirmations get through when the new master has what came later.
      const takenOver = gate()
      let isAnswered = false
      const store = faulty(redisQueueStore(engine), ({ method }) => {
        if (method !== 'confirm') return undefined
        isAnswered = true
        return { callAfter: takenOver.opened }
      })
      const queue = createQueues(store, systemClock, 'here:1:a', READY_MS).queue<string>('q')
      const ready = async (of: Server) =>
        Number(await of.command('LLEN', 'failover:queue:{q}:ready'))

      await queue.add('kept', nameOf('kept'))
      await waitUntil(
        'the replica has the first',
        READY_MS,
        async () => (await ready(replica)) === 1,
      )
      await replica.command('REPLICAOF', 'NO', 'ONE')
      const lost = failureOf(queue.add('lost', { ...nameOf('lost'), durability: 'replica' }))
      await waitUntil('the old master has answered', READY_MS, async () => isAnswered)

      proxy.retarget(replica)
      await proxy.fail({ old: 'reset' })
      await master.command('REPLICAOF', replica.host, replica.port)
      const added = queue.add('after', nameOf('after'))
      const sure = failureOf(queue.add('sure', { ...nameOf('sure'), durability: 'replica' }))
      await added
      takenOver.open()
      expect(await lost).toMatchObject({ code: 'SLUICE_NOT_DURABLE' })
      const there = await queue.take({ max: 5 })
      expect(there.map(({ data }) => data)).toEqual(['kept', 'after', 'sure'])
      for (const delivery of there) await delivery.ack()
      expect(await sure).toBe(null)
    },
  )
})

describe('an add that the disk must have', { timeout: TEST_TIMEOUT_MS }, () => {
  it.each([['always'], [false]] as const)(
    'on a Redis with persist %s: is confirmed, or refused before anything is sent',
    async (persist) => {
      const server = await startServer({ persist })
      cleanUps.push(() => server.close())
      const sluice = connect(server.url)
      const queue = sluice.queue<string>('q')
      const version = /redis_version:(\d+\.\d+)/.exec(
        String(await server.command('INFO', 'server')),
      )
      const canTell = Number(version?.[1]) >= 7.2 && persist === 'always'
      const failure = await failureOf(queue.add('a', { durability: 'fsync' }))
      if (!canTell) {
        expect(failure).toMatchObject({
          ...{ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'not-applied', retryable: false },
          message: expect.stringMatching(/Redis 7\.2 or Valkey with appendonly yes. It said: ERR/),
        })
      } else expect(failure).toBe(null)
      expect(await queue.counts()).toMatchObject({ ready: canTell ? 1 : 0 })
      await queue.add('b')
    },
  )

  it('in memory is refused, as replicas are', async () => {
    const { sluice } = createTestSluice()
    cleanUps.push(() => sluice.close())
    const queue = sluice.queue<string>('q')
    for (const durability of ['fsync', 'replica', { replicas: 2 }] as const) {
      expect(await failureOf(queue.addMany(['a'], { durability }))).toMatchObject({
        ...{ code: 'SLUICE_ARGUMENT', argument: 'add.durability' },
      })
    }
    expect(await queue.counts()).toMatchObject({ ready: 0 })
  })
})
