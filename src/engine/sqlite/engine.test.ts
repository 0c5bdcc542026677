import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../clock.ts'
import { loadDriver } from './driver.ts'
import type { SqliteEngine, Transaction } from './engine.ts'
import { FORMAT_VERSION } from './mark.ts'
import { openSqliteEngine, type SqliteEngineOptions } from './open.ts'

const TABLE = 'CREATE TABLE IF NOT EXISTS tally (who TEXT PRIMARY KEY, count INTEGER) STRICT'
const COUNT = `INSERT INTO tally (who, count) VALUES (?, 1)
  ON CONFLICT (who) DO UPDATE SET count = count + 1`
/** Hundreds of turns, each of which waits for a process to be scheduled. */
const LOOPS_TIMEOUT_MS = 60_000
const root = fileURLToPath(new URL('../../../', import.meta.url))

const count = (who: string) => (transaction: Transaction) => transaction.run(COUNT, who)
const tally = (transaction: Transaction) =>
  Object.fromEntries(
    transaction
      .all<{ who: string; count: number }>('SELECT * FROM tally')
      .map((row) => [row.who, row.count]),
  )

/** Another process on the file; runs the built package. */
class Peer {
  private readonly child: ChildProcess

  constructor() {
    this.child = fork(join(root, 'test/processes/sqlite-peer.js'))
  }

  ask<T>(name: string, ...args: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`the peer ended with ${code}`))
      this.child.once('exit', onExit)
      this.child.once('message', (answer: { value: T; error?: string }) => {
        this.child.off('exit', onExit)
        if (answer.error === undefined) resolve(answer.value)
        else reject(new Error(answer.error))
      })
      this.child.send({ name, args })
    })
  }

  /** Keeps it from running, as other processes do on a busy machine. */
  freeze(forMs: number): void {
    this.child.kill('SIGSTOP')
    setTimeout(() => this.child.kill('SIGCONT'), forMs)
  }

  stop(): void {
    this.child.kill('SIGKILL')
  }
}

let folder: string
let file: string
let opened: SqliteEngine[]
let peers: Peer[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-'))
  file = join(folder, 'deep', 'store.db')
  opened = []
  peers = []
})
afterEach(async () => {
  for (const peer of peers) peer.stop()
  for (const engine of opened) await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(place = file, options: Partial<SqliteEngineOptions> = {}) {
  const engine = await openSqliteEngine(place, {
    clock: systemClock,
    synchronous: 'normal',
    connectTimeoutMs: 5_000,
    ...options,
  })
  opened.push(engine)
  engine.define(TABLE)
  return engine
}

async function openPeer(synchronous: 'full' | 'normal' = 'normal'): Promise<Peer> {
  const peer = new Peer()
  peers.push(peer)
  await peer.ask('open', file, synchronous)
  return peer
}

describe.each([':memory:', 'a file'])('calls on %s', (place) => {
  const openPlace = () => open(place === ':memory:' ? place : file)

  it('E1 calls of one tick share a transaction, in call order, also those of promises', async () => {
    const engine = await openPlace()
    let times = new Set<number>()
    const seen: number[] = []
    const call = () =>
      engine.write((transaction) => {
        times.add(transaction.nowUs)
        transaction.run(COUNT, 'me')
        seen.push(tally(transaction).me ?? 0)
      })
    // On a busy machine a transaction may be cut short, which is not what this is about.
    for (let round = 0; round < 20; round++) {
      times = new Set()
      await Promise.all([call(), call(), Promise.resolve().then(() => call()), call()])
      expect(seen).toEqual(seen.map((_, index) => index + 1))
      if (times.size === 1) return
    }
    throw new Error('four calls of one tick never shared a transaction')
  })

  it('E1 only a call that has to outlive a power cut waits for the disk, and with it those of its tick', async () => {
    const engine = await open(place === ':memory:' ? place : file, { synchronous: 'full' })
    const level = (transaction: Transaction) =>
      transaction.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous
    const FULL = 2
    const NORMAL = 1
    expect(await engine.write(level)).toBe(FULL)
    expect(await engine.write(level, { durable: false })).toBe(NORMAL)
    expect(await engine.write(level)).toBe(FULL)
    const mixed = [engine.write(level, { durable: false }), engine.write(level)]
    expect(await Promise.all(mixed)).toEqual([FULL, FULL])
  })

  it('E1 a call may wait for the disk where others do not', async () => {
    const engine = await open(place === ':memory:' ? place : file, { synchronous: 'normal' })
    const level = (transaction: Transaction) =>
      transaction.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous
    const [FULL, NORMAL] = [2, 1]
    expect(await engine.write(level)).toBe(NORMAL)
    expect(await engine.write(level, { durable: 'always' })).toBe(FULL)
    expect(await engine.write(level)).toBe(NORMAL)
    const mixed = [engine.write(level), engine.write(level, { durable: 'always' })]
    expect(await Promise.all(mixed)).toEqual([FULL, FULL])
  })

  it('E1 a call that throws is undone alone and rejects alone', async () => {
    const engine = await openPlace()
    const failure = new Error('no')
    const results = await Promise.allSettled([
      engine.write(count('a')),
      engine.write((transaction) => {
        transaction.run(COUNT, 'a')
        transaction.run(COUNT, 'b')
        throw failure
      }),
      engine.write(count('a')),
      engine.read(tally),
      engine.read(() => {
        throw failure
      }),
    ])
    expect(results.map(({ status }) => status[0])).toEqual(['f', 'r', 'f', 'f', 'r'])
    expect(results[1]).toMatchObject({ reason: failure })
    expect(results[3]).toMatchObject({ value: { a: 2 } })
    expect(await engine.read(tally)).toEqual({ a: 2 })
  })

  it('E1 a long row of calls is split, and lets timers run in between', async () => {
    const engine = await openPlace()
    const slow = (transaction: Transaction) => {
      const endMs = performance.now() + 1
      while (performance.now() < endMs);
      return transaction.nowUs
    }
    let timerCount = 0
    const timer = setInterval(() => timerCount++, 1)
    const times = await Promise.all(Array.from({ length: 20 }, () => engine.write(slow)))
    clearInterval(timer)
    expect(new Set(times).size).toBeGreaterThanOrEqual(10)
    expect(timerCount).toBeGreaterThanOrEqual(5)
  })

  it('E1 a chain of calls leaves timers their turn', async () => {
    const engine = await openPlace()
    let hasFired = false
    setTimeout(() => {
      hasFired = true
    }, 5)
    const endMs = performance.now() + 500
    while (!hasFired && performance.now() < endMs) await engine.write(count('chain'))
    expect(hasFired).toBe(true)
  })

  it('E1 a read changes nothing, also in the transaction of a write', async () => {
    const engine = await openPlace()
    const results = await Promise.allSettled([
      engine.write(count('a')),
      engine.read((transaction) => transaction.run(COUNT, 'a')),
    ])
    expect(results[1]).toMatchObject({ reason: { code: 'SLUICE_INTERNAL' } })
    expect(await engine.read(tally)).toEqual({ a: 1 })
  })

  it('E8 close settles what is under way, and later calls are refused', async () => {
    const engine = await openPlace()
    const call = engine.write(count('late'))
    const closed = engine.close()
    await expect(engine.write(count('later'))).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    await expect(engine.read(tally)).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    expect(await call).toBe(1)
    await Promise.all([closed, engine.close()])
  })

  it('E5 listeners of a topic are told after the commit, others are not', async () => {
    const engine = await openPlace()
    const told: string[] = []
    engine.onChange('a', () => told.push('a'))
    const stop = engine.onChange('a', () => told.push('stopped'))
    engine.onChange('b', () => told.push('b'))
    stop()
    const commit = engine.write((transaction) => {
      transaction.emit('a')
      expect(told).toEqual([])
    })
    await commit
    const failed = engine.write((transaction) => {
      transaction.emit('b')
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    await engine.write(count('quiet'))
    expect(told).toEqual(['a'])
  })

  it('E7 a full disk changes nothing, and is forgotten when there is room again', async () => {
    const engine = await openPlace()
    await engine.write(count('a'))
    const limitPages = (pages: number) =>
      engine.write((transaction) => transaction.get(`PRAGMA max_page_count = ${pages}`))
    await limitPages(1)
    const big = engine.write((transaction) => {
      transaction.run(COUNT, 'b')
      transaction.run(COUNT, 'x'.repeat(1_000_000))
    })
    const small = engine.write(count('a'))
    await expect(big).rejects.toMatchObject({ code: 'SLUICE_STORE_FULL', outcome: 'not-applied' })
    expect(await small).toBe(1)
    expect(await engine.read(tally)).toEqual({ a: 2 })
    await limitPages(1_000_000)
    await engine.write(count('b'))
    expect(await engine.read(tally)).toEqual({ a: 2, b: 1 })
  })
})

describe('several processes', () => {
  it('E2 a call that others keep out is tried again, and reads do not wait', async () => {
    const engine = await open()
    await engine.write(count('me'))
    const peer = await openPeer()
    await peer.ask('hold', file)
    let isWritten = false
    const write = engine.write(count('me')).then(() => {
      isWritten = true
    })
    expect(await engine.read(tally)).toMatchObject({ me: 1 })
    expect(isWritten).toBe(false)
    await peer.ask('letGo')
    await write
    expect(await engine.read(tally)).toMatchObject({ me: 2 })
  })

  it('E2 a call that is kept out for the whole command timeout changes nothing', async () => {
    const engine = await open(file, { commandTimeoutMs: 50 })
    await engine.write(count('me'))
    const peer = await openPeer()
    await peer.ask('hold', file)
    await expect(engine.write(count('me'))).rejects.toMatchObject({
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      outcome: 'not-applied',
      retryable: true,
    })
    await peer.ask('letGo')
    await engine.idle()
    expect(await engine.read(tally)).toMatchObject({ me: 1 })
  })

  describe('in tight loops', { timeout: LOOPS_TIMEOUT_MS }, () => {
    /** Both write until they have `total` commits together. */
    async function race(pair: [Peer, Peer], total: number, diskMs: number) {
      const results = await Promise.all(
        pair.map((peer) => peer.ask<{ commits: number; turns: number }>('loop', 2, total, diskMs)),
      )
      return {
        weakerShare: Math.min(...results.map(({ commits }) => commits)) / total,
        turns: results.reduce((sum, { turns }) => sum + turns, 0),
      }
    }

    it.each([
      [0, 1_500],
      [4, 300],
    ])('E3 two processes take turns, on a disk of %i ms', async (diskMs, total) => {
      const pair: [Peer, Peer] = [await openPeer('full'), await openPeer('full')]
      const { weakerShare, turns } = await race(pair, total, diskMs)
      expect(weakerShare).toBeGreaterThan(1 / 3)
      // They took it in turn all the time, and not one after the other.
      expect(turns).toBeGreaterThan(total / 25)
    })

    it('E3 one that is held up now and then is let in as before', async () => {
      const total = 300
      const pair: [Peer, Peer] = [await openPeer('full'), await openPeer('full')]
      const timer = setInterval(() => pair[1].freeze(60), 200)
      const { weakerShare, turns } = await race(pair, total, 4).finally(() => clearInterval(timer))
      expect(weakerShare).toBeGreaterThan(1 / 3)
      // A turn is two commits on this disk: without being held up there are 150.
      expect(turns).toBeGreaterThan(total / 3)
    })
  })

  it('E5 a commit of another process is told within milliseconds, also after a quiet time', async () => {
    const engine = await open()
    const peer = await openPeer()
    const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6
    async function latenessMs(quietMs: number): Promise<number> {
      const toldAtMs = new Promise<number>((resolve) => {
        const stop = engine.onChange('anything', () => {
          stop()
          resolve(monotonicMs())
        })
      })
      await new Promise((resolve) => setTimeout(resolve, quietMs))
      const committedAtMs = await peer.ask<number>('commit')
      return (await toldAtMs) - committedAtMs
    }
    for (const quietMs of [0, 450]) {
      const lateMs: number[] = []
      for (let round = 0; round < 5; round++) lateMs.push(await latenessMs(quietMs))
      const [, , median = 0] = lateMs.sort((a, b) => a - b)
      expect(median).toBeLessThan(25)
    }
  })

  it('E5 whoever listens keeps the process alive, an idle engine does not', () => {
    const path = (module: string) => JSON.stringify(join(root, 'dist', module))
    const script = (rest: string) => `
      const { openSqliteEngine } = await import(${path('engine/sqlite/open.js')})
      const { systemClock } = await import(${path('clock.js')})
      const options = { clock: systemClock, synchronous: 'normal', connectTimeoutMs: 5000 }
      const engine = await openSqliteEngine(${JSON.stringify(file)}, options)
      await engine.write(() => 1)
      ${rest}`
    const run = (code: string, timeout: number) =>
      spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout })
    const stopped = run(script(`engine.onChange('a', () => {})()`), 10_000)
    expect(stopped.status, stopped.stderr.toString()).toBe(0)
    expect(run(script(`engine.onChange('a', () => {})`), 1_500).signal).toBe('SIGTERM')
  })

  it('E6 processes that open a new file at the same moment get along', async () => {
    const opening = Array.from({ length: 3 }, () => openPeer())
    const engines = [open(), open(), ...opening]
    await Promise.all(engines)
    expect(await opened[0]?.read(tally)).toEqual({ peer: 3 })
  })
})

describe('time', () => {
  /** The system's clock, but for what the test moves. */
  function movedClock(): Clock & { wallOffsetMs: number; elapsedMs: number } {
    return {
      ...systemClock,
      wallOffsetMs: 0,
      elapsedMs: 0,
      monotonicMs() {
        return this.elapsedMs
      },
      wallMs() {
        return 1_800_000_000_000 + this.wallOffsetMs + this.elapsedMs
      },
    }
  }
  const now = (transaction: Transaction) => {
    transaction.run(COUNT, 'time')
    return transaction.nowUs
  }

  it('E4 time goes on from where it was when the wall clock steps back', async () => {
    const clock = movedClock()
    const engine = await open(file, { clock })
    const before = await engine.write(now)
    expect(before).toBe(1_800_000_000_000_000)
    clock.wallOffsetMs = -86_400_000
    expect(await engine.write(now)).toBe(before)
    clock.elapsedMs += 8_000
    expect(await engine.write(now)).toBe(before + 7_000_000)
    clock.wallOffsetMs = 0
    expect(await engine.write(now)).toBe(before + 8_000_000)
  })

  it('E4 another process does not see an earlier time', async () => {
    const [ahead, behind] = [movedClock(), movedClock()]
    ahead.wallOffsetMs = 60_000
    const [first, second] = [
      await open(file, { clock: ahead }),
      await open(file, { clock: behind }),
    ]
    expect(await second.write(now)).toBe(1_800_000_000_000_000)
    const later = await first.write(now)
    expect(await second.read((transaction) => transaction.nowUs)).toBe(later)
    await first.close()
    await second.close()
    expect(await (await open(file, { clock: behind })).write(now)).toBe(later)
  })

  it('E4 a call that changes nothing writes nothing', async () => {
    const [engine, other] = [await open(), await open()]
    await engine.write(count('me'))
    await other.read(tally)
    let changes = 0
    const stop = other.onChange('anything', () => changes++)
    await engine.write((transaction) => transaction.nowUs)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(changes).toBe(0)
    await engine.write(count('me'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(changes).toBe(1)
    stop()
  })
})

describe('what is no store', () => {
  async function expectRefused(code: string, place = file) {
    const error: unknown = await open(place).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code, outcome: 'not-applied', retryable: false })
    return error
  }

  it('E6 refuses the database of another program, and leaves it as it is', async () => {
    mkdirSync(join(folder, 'deep'))
    const database = (await loadDriver()).open(file)
    database.exec(
      'PRAGMA journal_mode = WAL; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)',
    )
    // Copied while open: what a crash leaves, which SQLite would tidy up merely by closing it.
    const crashed = join(folder, 'crashed.db')
    const readBoth = () => [readFileSync(crashed), readFileSync(`${crashed}-wal`)]
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, crashed + suffix)
    const before = readBoth()
    expect(await expectRefused('SLUICE_STORE_CORRUPT', crashed)).toMatchObject({ key: crashed })
    expect(readBoth()).toEqual(before)
    database.close()
    const closed = readFileSync(file)
    await expectRefused('SLUICE_STORE_CORRUPT')
    expect(readFileSync(file)).toEqual(closed)
  })

  it.each([
    ['text', Buffer.from('To whom it may concern')],
    ['a database cut short', Buffer.from('SQLite format 3\0')],
    ['random bytes', Buffer.alloc(8_192, 0xa7)],
  ])('E6 refuses %s, and leaves it as it is', async (_, content) => {
    mkdirSync(join(folder, 'deep'))
    writeFileSync(file, content)
    await expectRefused('SLUICE_STORE_CORRUPT')
    expect(readFileSync(file)).toEqual(content)
  })

  it('E6 refuses a store of a newer format, and names both', async () => {
    const engine = await open()
    await engine.write((transaction) => transaction.get('PRAGMA user_version = 7'))
    await engine.close()
    const before = readFileSync(file)
    const error = await expectRefused('SLUICE_STORE_VERSION')
    expect(error).toMatchObject({ storedVersion: 7, knownVersion: FORMAT_VERSION })
    expect(readFileSync(file)).toEqual(before)
  })

  it('E6 refuses a folder, a device, and links that lead nowhere', async () => {
    await expectRefused('SLUICE_STORE_CORRUPT', folder)
    await expectRefused('SLUICE_STORE_CORRUPT', '/dev/null')
    await expectRefused('SLUICE_STORE_CORRUPT', join(folder, 'x'.repeat(5_000)))
    const [lost, loop] = [join(folder, 'lost'), join(folder, 'loop')]
    symlinkSync(join(folder, 'nothing'), lost)
    symlinkSync(loop, loop)
    await expectRefused('SLUICE_STORE_CORRUPT', lost)
    await expectRefused('SLUICE_STORE_CORRUPT', loop)
    writeFileSync(join(folder, 'plain'), '')
    await expectRefused('SLUICE_STORE_CORRUPT', join(folder, 'plain', 'store.db'))
  })

  it('E6 refuses a store whose pages are damaged', async () => {
    const engine = await open()
    await engine.write(count('me'))
    await engine.close()
    const damaged = readFileSync(file)
    damaged.fill(0xff, 100, 4_096)
    writeFileSync(file, damaged)
    await expectRefused('SLUICE_STORE_CORRUPT')
    expect(readFileSync(file)).toEqual(damaged)
  })

  it('E6 notices that the file was replaced while open', async () => {
    const engine = await open()
    await engine.write(count('me'))
    rmSync(file)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    await expect(engine.write(count('me'))).rejects.toMatchObject({
      code: 'SLUICE_STORE_CORRUPT',
      key: file,
    })
  })
})
