// Adding within a transaction of the user's own, as they see it.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'
import { Redis as OldRedis } from 'ioredis5'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { createClient as createOldClient } from 'redis5'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { type DriverDatabase, loadDriver } from '../engine/sqlite/driver.ts'
import { StoreVersionError } from '../errors.ts'
import { createSluice, QueueFullError, type Schema, type Sluice } from '../index.ts'
import { transaction } from '../redis/index.ts'

const ARGUMENT = { code: 'SLUICE_ARGUMENT', argument: 'addWithin.transaction' }
interface BetterDatabase {
  exec(sql: string): unknown
  close(): unknown
}

/** Only the benchmarks have it: it needs a compiler. */
function betterSqlite(): (new (place: string) => BetterDatabase) | null {
  try {
    return createRequire(new URL('../../bench/package.json', import.meta.url))('better-sqlite3')
  } catch {
    return null
  }
}
const Better = betterSqlite()

const refusal = (more: object) => expect.objectContaining({ ...ARGUMENT, ...more })

describe('on SQLite', () => {
  let folder: string
  let file: string
  let sluice: Sluice

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'within-'))
    file = path.join(folder, 'app.db')
    sluice = createSluice(`sqlite:${file}`)
    // It is Sluice that makes the file.
    await sluice.queue('any').counts()
  })
  afterEach(async () => {
    await sluice.close()
    rmSync(folder, { recursive: true })
  })

  async function open(place = file) {
    const database = (await loadDriver()).open(place)
    if (place === file) database.exec('CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)')
    return database
  }

  it('the job and what the user writes are there together, or not at all', async () => {
    const database = await open()
    const queue = sluice.queue<{ order: number }>('mails')
    const orders = () => database.prepare('SELECT id FROM orders ORDER BY id').all()
    const order = (id: number, end: string) => {
      database.exec(`BEGIN; INSERT INTO orders VALUES (${id})`)
      const added = queue.addWithin(database, { order: id })
      database.exec(end)
      return added
    }
    const { id } = order(1, 'COMMIT')
    order(2, 'ROLLBACK')
    expect(orders()).toEqual([{ id: 1 }])
    const [delivery, ...others] = await queue.take({ max: 10 })
    expect([delivery?.id, delivery?.data, others]).toEqual([id, { order: 1 }, []])
    await delivery?.ack()
    database.close()
  })

  it('what is refused is undone alone, and the transaction goes on', async () => {
    const database = await open()
    const queue = sluice.queue<number>('mails', { maxLength: 1 })
    database.exec('BEGIN')
    queue.addWithin(database, 1)
    expect(() => queue.addWithin(database, 2)).toThrow(QueueFullError)
    database.exec('INSERT INTO orders VALUES (5); COMMIT')
    expect(await queue.counts()).toMatchObject({ ready: 1 })
    expect(database.prepare('SELECT id FROM orders').all()).toEqual([{ id: 5 }])
    database.close()
  })

  it('wakes a worker of the same process, and runs jobs in order with those added otherwise', async () => {
    const database = await open()
    const queue = sluice.queue<string>('mails')
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data), { concurrency: 1 })
    await queue.add('first')
    await expect.poll(() => seen).toEqual(['first'])
    database.exec('BEGIN')
    queue.addWithin(database, 'second')
    queue.addWithin(database, 'third', { id: 'a' })
    database.exec('COMMIT')
    await expect.poll(() => seen).toEqual(['first', 'second', 'third'])
    database.close()
  })

  it('works before Sluice has opened the file in this process', async () => {
    await sluice.close()
    const database = await open()
    sluice = createSluice(`sqlite:${file}`)
    const queue = sluice.queue<string>('mails')
    database.exec('BEGIN')
    queue.addWithin(database, 'a', { id: 'one' })
    database.exec('COMMIT')
    expect((await queue.get('one'))?.data).toBe('a')
    database.close()
  })

  it('refuses what is no transaction on the same file', async () => {
    const queue = sluice.queue<string>('mails')
    const database = await open()
    expect(() => queue.addWithin(database, 'a')).toThrow(refusal({ received: 'one without' }))
    database.close()
    expect(() => queue.addWithin(database, 'a')).toThrow(refusal({ received: 'one without' }))
    for (const place of [':memory:', path.join(folder, 'other.db')]) {
      const other = await open(place)
      other.exec('BEGIN')
      expect(() => queue.addWithin(other, 'a')).toThrow(
        refusal({ expected: `a connection to ${file}` }),
      )
      other.close()
    }
    const betterSqlite = { inTransaction: true, prepare() {}, exec() {}, transaction() {} }
    expect(() => queue.addWithin(betterSqlite, 'a')).toThrow(/Two libraries in one process/)
    expect(await queue.counts()).toMatchObject({ ready: 0 })
  })

  // Skipped where that is not installed.
  it.skipIf(!Better)(
    'refuses a handle of better-sqlite3, which is in bench/node_modules',
    async () => {
      // Not on the file of the store: closing it would drop the locks that this process has on that.
      const database = Better && new Better(path.join(folder, 'theirs.db'))
      database?.exec('BEGIN IMMEDIATE')
      expect(() => sluice.queue('mails').addWithin(database ?? {}, 'a')).toThrow(
        refusal({ message: expect.stringContaining('Two libraries in one process') }),
      )
      database?.exec('ROLLBACK')
      database?.close()
      expect(await sluice.queue('mails').counts()).toMatchObject({ ready: 0 })
    },
  )

  it('refuses a file that is no store of Sluice, or one of another version', async () => {
    const empty = path.join(folder, 'mine.db')
    const other = createSluice(`sqlite:${empty}`)
    const queue = other.queue<string>('mails')
    const database = await open(empty)
    database.exec('CREATE TABLE mine (id INTEGER); BEGIN')
    expect(() => queue.addWithin(database, 'a')).toThrow(
      refusal({ expected: 'a connection to a store of Sluice' }),
    )
    database.exec('COMMIT; PRAGMA application_id = 0x536c7569; PRAGMA user_version = 99; BEGIN')
    expect(() => queue.addWithin(database, 'a')).toThrow(StoreVersionError)
    database.close()
    await other.close()
  })

  it('reads numbers whatever the connection gives its user', async () => {
    const usual = await open()
    usual.close()
    const Database = usual.constructor as new (place: string, options: object) => DriverDatabase
    const database = new Database(file, { readBigInts: true, returnArrays: true })
    const queue = sluice.queue<string>('mails')
    expect(database.prepare('SELECT 1').get()).toEqual([1n])
    database.exec('BEGIN')
    for (const id of ['a', 'b', 'a']) queue.addWithin(database, id, { id })
    database.exec('COMMIT')
    expect(await queue.counts()).toMatchObject({ ready: 2 })
    database.close()
  })

  it('refuses a schema that answers later, and a job that does not fit', async () => {
    const database = await open()
    database.exec('BEGIN')
    const schemaOf = (validate: Schema['~standard']['validate']): Schema => ({
      '~standard': { version: 1, vendor: 'x', validate },
    })
    const later = sluice.queue('a', { schema: schemaOf(async (value) => ({ value })) })
    expect(() => later.addWithin(database, 1)).toThrow(/a schema that answers at once/)
    const never = sluice.queue('a', { schema: schemaOf(() => ({ issues: [{ message: 'no' }] })) })
    expect(() => never.addWithin(database, 1)).toThrow(/what the schema accepts/)
    database.exec('COMMIT')
    database.close()
    expect(await later.counts()).toMatchObject({ ready: 0 })
  })

  it('is refused in memory, and when the Sluice is closed', async () => {
    const memory = createSluice('memory:')
    const database = await open(':memory:')
    database.exec('BEGIN')
    expect(() => memory.queue('a').addWithin(database, 1)).toThrow(refusal({}))
    await memory.close()
    expect(() => memory.queue('a').addWithin(database, 1)).toThrow(/closed/)
    database.close()
  })
})

describe('on Redis', () => {
  let sluice: Sluice
  const prefix = `within-${randomUUID()}`
  const admin = () => new Redis(inject('redisUrl'))

  beforeEach(() => {
    sluice = createSluice(inject('redisUrl'), { prefix })
  })
  afterEach(async () => {
    await sluice.queue('mails').obliterate()
    await sluice.close()
    const redis = admin()
    await redis.unlink(`{mails}:${prefix}`)
    redis.disconnect()
  })

  /** The user's own key, written with the job. */
  const mine = `{mails}:${prefix}`

  it.each([
    ['ioredis', () => new Redis(inject('redisUrl'))],
    ['ioredis 5', () => new OldRedis(inject('redisUrl')) as unknown as Redis],
    ['iovalkey', () => new Valkey(inject('redisUrl')) as unknown as Redis],
  ])('a MULTI of %s', async (library, connect) => {
    const redis = connect()
    const queue = sluice.queue<string>('mails')
    const multi = redis.multi().set(mine, '1')
    expect(queue.addWithin(multi, 'a')).toEqual({ id: null })
    expect(queue.addWithin(multi, 'b', { id: library })).toEqual({ id: library })
    expect(queue.addWithin(multi, 'c', { id: library })).toEqual({ id: library })
    expect(await queue.counts()).toMatchObject({ ready: 0 })
    const answers = await multi.exec()
    expect(answers).toEqual([
      [null, 'OK'],
      [null, expect.stringMatching(/^\d{16}$/)],
      [null, 1],
      [null, 0],
    ])
    const [a, b] = await queue.take({ max: 5 })
    expect([a?.id, a?.data, b?.id]).toEqual([answers?.[1]?.[1], 'a', library])
    await a?.ack()
    await b?.ack()
    const never = redis.multi().set(mine, '2')
    queue.addWithin(never, 'never')
    never.discard()
    expect(await queue.counts()).toMatchObject({ ready: 0 })
    redis.disconnect()
  })

  it.each([
    ['node-redis', createClient],
    ['node-redis 5', createOldClient as unknown as typeof createClient],
  ])('a MULTI of %s', async (library, create) => {
    const client = create({ url: inject('redisUrl') })
    await client.connect()
    const queue = sluice.queue<string>('mails')
    const multi = client.multi().set(mine, '1')
    queue.addWithin(multi, 'a', { delay: '1h' })
    queue.addWithin(multi, 'b', { id: library })
    expect(await multi.exec()).toEqual(['OK', expect.stringMatching(/^\d{16}$/), 1])
    expect(await queue.counts()).toMatchObject({ ready: 1, timed: 1 })
    client.destroy()
  })

  it('transaction() of sluice/redis tells of an add that failed', async () => {
    const url = inject('redisUrl')
    const queue = sluice.queue<string>('mails', { maxLength: 1 })
    await transaction(url, [mine], (tx) => {
      tx.queue('SET', mine, '1')
      queue.addWithin(tx, 'a')
    })
    expect(await queue.counts()).toMatchObject({ ready: 1 })
    const full = transaction(url, [mine], (tx) => {
      tx.queue('SET', mine, '2')
      queue.addWithin(tx, 'b')
    })
    await expect(full).rejects.toMatchObject({
      code: 'SLUICE_TRANSACTION_PARTIAL',
      message: expect.stringContaining('SLUICE not done: full 1 3'),
    })
    expect(await queue.counts()).toMatchObject({ ready: 1 })
  })

  it('an add that fails is an error in EXEC, and undoes nothing else', async () => {
    const redis = admin()
    await redis.set(`${prefix}:queue:{mails}:ready`, 'no list')
    const multi = redis.multi().set(mine, '3')
    sluice.queue('mails').addWithin(multi, 'a')
    const [own, added] = (await multi.exec()) ?? []
    expect(own).toEqual([null, 'OK'])
    expect(String(added?.[0])).toMatch(/SLUICE not done: failed .*WRONGTYPE/)
    await redis.unlink(`${prefix}:queue:{mails}:ready`)
    redis.disconnect()
  })

  it('wakes a worker', async () => {
    const redis = admin()
    const queue = sluice.queue<string>('mails')
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data))
    await queue.add('first')
    await expect.poll(() => seen).toEqual(['first'])
    const multi = redis.multi()
    queue.addWithin(multi, 'second')
    await multi.exec()
    await expect.poll(() => seen).toEqual(['first', 'second'])
    redis.disconnect()
  })

  it('refuses what is no MULTI, or one that would put the job elsewhere', () => {
    const queue = sluice.queue<string>('mails')
    const redis = new Redis({ lazyConnect: true, keyPrefix: 'mine:' })
    const without = new Redis({ lazyConnect: true })
    const add = (handle: object) => () => queue.addWithin(handle, 'a')
    expect(add(redis.multi())).toThrow(
      refusal({ expected: 'a MULTI of a client without keyPrefix' }),
    )
    expect(add(without.pipeline())).toThrow(refusal({ received: 'a pipeline without MULTI' }))
    expect(add(without)).toThrow(refusal({}))
    expect(add(createClient())).toThrow(refusal({}))
    redis.disconnect()
    without.disconnect()
  })
})
