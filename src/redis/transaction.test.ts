// Transactions, on real servers and over both libraries.
import { Redis } from 'ioredis'
import { createClient, WatchError } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { ask, type RedisProcess, startRedis } from '../../test/redis.ts'
import { redisTargets } from '../../test/redis-targets.ts'
import { type OpenRedis, openRedis, type RedisTarget } from './client.ts'
import {
  TransactionAbortedError,
  TransactionConflictError,
  TransactionPartialError,
  TransactionUnknownError,
} from './errors.ts'
import type { Transaction } from './queued.ts'
import { transaction } from './transaction.ts'

let server: RedisProcess
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const open: OpenRedis[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
function opened(target: RedisTarget, options?: Parameters<typeof openRedis>[1]): OpenRedis {
  const redis = openRedis(target, options)
  open.push(redis)
  return redis
}

let names = 0
const newKey = () => `key:${process.pid}:${names++}`
const stored = async (key: string) => (await ask(server.port, `GET ${key}`)).split('\r\n')[1]
const set = (key: string, value: string | number) => ask(server.port, `SET ${key} ${value}`)
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

/** Ends every connection that is no `ask`, and waits until its process must have noticed. */
async function killOthers() {
  await ask(server.port, 'CLIENT KILL TYPE normal SKIPME yes')
  await new Promise((resolve) => setTimeout(resolve, 50))
}

describe.each(redisTargets(() => server))('a transaction over %s', (_, target) => {
  test('reads, writes what follows from it, and has the answers in their places', async () => {
    const [from, to] = [newKey(), newKey()]
    await set(from, 100)
    const answer = await transaction(target(), [from, to], async (tx) => {
      const text = await tx.read('GET', from)
      expectTypeOf(text).toEqualTypeOf<string | null>()
      const amount = Number(text) / 4
      return [amount, tx.queue('DECRBY', from, amount), tx.queue('INCRBY', to, amount)]
    })
    expectTypeOf(answer).toEqualTypeOf<[number, number, number]>()
    expect(answer).toEqual([25, 75, 25])
    expect([await stored(from), await stored(to)]).toEqual(['75', '25'])
    const sum = await transaction(target(), [from], (tx) => tx.queue('INCR', from))
    expectTypeOf(sum).toEqualTypeOf<number>()
    expect(sum).toBe(76)
    const hash = newKey()
    const all = await transaction(target(), [hash], (tx) => {
      tx.queue('HSET', hash, 'field', 'value')
      return tx.queue('HGETALL', hash)
    })
    expect(all).toEqual({ field: 'value' })
  })

  test('runs again when others changed a key, with nothing written meanwhile', async () => {
    const key = newKey()
    const redis = opened(target())
    const seen: unknown[] = []
    const answer = await transaction(redis, [key], async (tx) => {
      seen.push([tx.attempt, await tx.read('GET', key)])
      if (tx.attempt < 3) await set(key, tx.attempt)
      return tx.queue('SET', key, 'mine')
    })
    expect(answer).toBe('OK')
    expect(seen).toEqual([
      [1, null],
      [2, '1'],
      [3, '2'],
    ])
    const failure = await failureOf(
      transaction(
        redis,
        [key],
        async (tx) => {
          await set(key, 'theirs')
          tx.queue('SET', key, 'mine')
        },
        { retries: 2 },
      ),
    )
    expect(failure).toBeInstanceOf(TransactionConflictError)
    expect(failure).toMatchObject({ attempts: 3, keys: [key], retryable: true })
    expect(await stored(key)).toBe('theirs')
  })

  test('does not commit after its connection was lost, and runs again', async () => {
    const key = newKey()
    await set(key, 'before')
    const seen: unknown[] = []
    await transaction(opened(target()), [key], async (tx) => {
      seen.push(await tx.read('GET', key))
      if (tx.attempt === 1) {
        await killOthers()
        await set(key, 'theirs')
      }
      tx.queue('SET', key, `${seen.at(-1)}, mine`)
    })
    expect(seen).toEqual(['before', 'theirs'])
    expect(await stored(key)).toBe('theirs, mine')
  })

  test('hides no loss from a callback that goes on, and none that throws for it', async () => {
    const key = newKey()
    const attempts: number[] = []
    await transaction(opened(target()), [key], async (tx) => {
      attempts.push(tx.attempt)
      if (tx.attempt < 3) await killOthers()
      const reading = tx.read('GET', key)
      if (tx.attempt === 1) await reading
      else await reading.catch(() => {})
      tx.queue('SET', key, tx.attempt)
    })
    expect(attempts).toEqual([1, 2, 3])
    expect(await stored(key)).toBe('3')
  })

  test('writes nothing when discarded, or when the callback throws', async () => {
    const key = newKey()
    const redis = opened(target())
    const discarded = await transaction(redis, [key], (tx) => {
      tx.queue('SET', key, 'never')
      return tx.discard('enough')
    })
    expectTypeOf(discarded).toEqualTypeOf<string>()
    expect(discarded).toBe('enough')
    expect(await transaction(redis, [key], (tx) => tx.discard())).toBe(null)
    const boom = new Error('boom')
    const thrown = transaction(redis, [key], (tx) => {
      tx.queue('SET', key, 'never')
      throw boom
    })
    expect(await failureOf(thrown)).toBe(boom)
    expect(await ask(server.port, `EXISTS ${key}`)).toContain(':0')
    const leaked = transaction(redis, [key], (tx) => {
      const write = tx.queue('SET', key, 'never')
      tx.discard()
      return write
    })
    expect(String(await failureOf(leaked))).toMatch(/return tx.discard\(value\)/)
    expect(await transaction(redis, [key], (tx) => tx.queue('SET', key, 'ever'))).toBe('OK')
  })

  test('says what was applied when a command fails at run time', async () => {
    const [text, number] = [newKey(), newKey()]
    await set(text, 'text')
    const work = transaction(target(), [text], (tx) => {
      tx.queue('SET', number, 1)
      tx.queue('LPUSH', text, 'a')
      tx.queue('INCR', number)
    })
    const failure = (await failureOf(work)) as TransactionPartialError
    expect(failure).toBeInstanceOf(TransactionPartialError)
    expect(failure).toMatchObject({ applied: [0, 2], failed: [1], retryable: false })
    expect(failure.results).toMatchObject([
      { value: 'OK' },
      { error: { reply: 'WRONGTYPE' } },
      { value: 2 },
    ])
    expect(await stored(number)).toBe('2')
  })

  test('says which command the server refused when it was queued', async () => {
    const key = newKey()
    await ask(server.port, 'ACL SETUSER limited on >pass ~* &* +@all -incr')
    const url = server.url.replace('://', '://limited:pass@')
    const work = transaction(opened(url), [key], (tx) => {
      tx.queue('SET', key, 1)
      tx.queue('INCR', key)
    })
    const failure = await failureOf(work)
    expect(failure).toBeInstanceOf(TransactionAbortedError)
    expect(failure).toMatchObject({ index: 1, command: 'INCR', outcome: 'not-applied' })
    expect(await ask(server.port, `EXISTS ${key}`)).toContain(':0')
  })

  test('is unknown when EXEC was sent and not answered, and never repeated', async () => {
    const key = newKey()
    const redis = opened(target(), { commandTimeout: 200 })
    await transaction(redis, [key], (tx) => tx.queue('INCR', key))
    let runs = 0
    const work = transaction(redis, [key], async (tx) => {
      runs++
      await tx.read('GET', key)
      server.pause()
      tx.queue('INCR', key)
    })
    const failure = await failureOf(work).finally(() => server.resume())
    expect(failure).toBeInstanceOf(TransactionUnknownError)
    expect(failure).toMatchObject({ outcome: 'unknown', retryable: false, keys: [key] })
    expect(runs).toBe(1)
  })
})

describe('the same work through the libraries alone', () => {
  test('ioredis commits after a reconnect, over what others wrote', async () => {
    const key = newKey()
    await set(key, 1)
    const client = new Redis(server.url)
    client.on('error', () => {})
    try {
      await client.watch(key)
      const read = Number(await client.get(key))
      await killOthers()
      await set(key, 10)
      const committed = await client
        .multi()
        .set(key, read + 1)
        .exec()
      expect(committed).toEqual([[null, 'OK']])
      expect(await stored(key)).toBe('2')
    } finally {
      client.disconnect()
    }
  })

  test('node-redis does not', async () => {
    const key = newKey()
    await set(key, 1)
    const client = createClient({ url: server.url })
    client.on('error', () => {})
    await client.connect()
    try {
      await client.watch(key)
      await client.get(key)
      await killOthers()
      await set(key, 10)
      const failure = await failureOf(client.multi().set(key, 2).exec())
      expect(failure).toBeInstanceOf(WatchError)
      expect(await stored(key)).toBe('10')
    } finally {
      client.destroy()
    }
  })
})

test('many at one time lose no increment', async () => {
  const key = newKey()
  const redis = opened(server.url)
  const increment = () =>
    transaction(
      redis,
      [key],
      async (tx) => {
        const value = Number((await tx.read('GET', key)) ?? 0)
        tx.queue('SET', key, value + 1)
      },
      { retries: 10_000 },
    )
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 20; round++) await increment()
    }),
  )
  expect(await stored(key)).toBe('400')
})

test('ends with its signal, and with its server', async () => {
  const key = newKey()
  const redis = opened(server.url, { connectTimeout: 200 })
  const stop = new AbortController()
  const endless = transaction(
    redis,
    [key],
    async (tx) => {
      await set(key, tx.attempt)
      if (tx.attempt === 3) stop.abort(new Error('enough'))
      tx.queue('DEL', key)
    },
    { signal: stop.signal },
  )
  expect(await failureOf(endless)).toBe(stop.signal.reason)
  expect(await stored(key)).toBe('3')
  const gone = await startRedis()
  const away = opened(gone.url, { connectTimeout: 200 })
  await gone.stop()
  const failure = await failureOf(transaction(away, ['a'], (tx) => tx.queue('INCR', 'a')))
  expect(failure).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'not-applied' })
})

test('keys are watched before the callback begins', async () => {
  const key = newKey()
  const redis = opened(createClient({ url: server.url }))
  let attempts = 0
  await transaction(redis, [key], async (tx) => {
    attempts++
    if (tx.attempt === 1) await set(key, 'theirs')
    tx.queue('SET', key, 'mine')
  })
  expect(attempts).toBe(2)
})

test('a callback that runs on after its end is told', async () => {
  const key = newKey()
  let late: Transaction | undefined
  await transaction(server.url, [key], (tx) => {
    late = tx
  })
  expect(() => late?.queue('INCR', key)).toThrow(
    /tx\.queue must be called before the callback ends/,
  )
  await expect(late?.read('GET', key)).rejects.toThrow(/tx\.read must be called before/)
})
