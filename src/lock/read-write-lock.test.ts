// Logic above the contract: readers and writers, and those who change from one to the other, on a
// clock that the test moves and an engine that fails when it says so.

import { describe, expect, it } from 'vitest'
import { gate, gone, silence, watched } from '../../test/faults.ts'
import {
  type Changes,
  gets,
  openFaultyReadWriteLocks,
  type Plan,
  permitEngines,
} from '../../test/faulty-permits.ts'
import {
  ArgumentError,
  ClosedError,
  EngineUnavailableError,
  LockLostError,
  LockTimeoutError,
} from '../errors.ts'
import { marginOf } from '../gate/terms.ts'
import type { ReadWriteLock, ReadWriteLocks } from './read-write-lock.ts'

const TTL_MS = 30_000
/** When a lease of 30 s is over for its holder, unless it is renewed. */
const VALID_MS = TTL_MS - marginOf(TTL_MS)

/** A process that is not heard of after it has got what it holds. */
const crashed: Plan = ({ method }) => (method === 'acquire' ? undefined : { callAfter: silence })

describe.each(permitEngines)('read-write locks on $name', (engine) => {
  const open = (plan?: Plan, changes?: Changes) => openFaultyReadWriteLocks(engine, plan, changes)
  const lockOf = (locks: ReadWriteLocks) => locks.readWriteLock('a')

  /** The modes of those who hold, in the order of the alphabet, and of those who wait, in theirs. */
  async function modes(lock: ReadWriteLock) {
    const { holders, waiters } = await lock.inspect()
    return {
      held: holders.map(({ mode }) => mode).sort(),
      waiting: waiters.map(({ mode }) => mode),
    }
  }

  const waiterCount = async (lock: ReadWriteLock) => (await lock.inspect()).waiters.length

  /** Begins what leads into the line, so that who comes next finds it there. */
  async function join<T>(lock: ReadWriteLock, begin: () => Promise<T>) {
    const before = await waiterCount(lock)
    const waiting = watched(begin())
    await expect.poll(() => waiterCount(lock)).toBe(before + 1)
    return waiting
  }

  const joinRead = (locks: ReadWriteLocks) =>
    join(lockOf(locks), () => lockOf(locks).read().acquire({ wait: '1h' }))
  const joinWrite = (locks: ReadWriteLocks) =>
    join(lockOf(locks), () => lockOf(locks).write().acquire({ wait: '1h' }))

  describe('readers and writers', () => {
    it('readers share, a writer excludes everybody', async () => {
      const { locks, others } = await open()
      const [mine, theirs] = [lockOf(locks), lockOf(others)]
      const readers = [await mine.read().acquire(), await theirs.read().acquire()]
      expect(await mine.write().tryAcquire()).toBe(null)
      expect(await modes(mine)).toEqual({ held: ['read', 'read'], waiting: [] })
      for (const reader of readers) await reader.release()
      const writer = await mine.write().acquire()
      for (const part of [theirs.read(), theirs.write(), theirs.upgradable()]) {
        expect(await part.tryAcquire()).toBe(null)
      }
      expect(await modes(theirs)).toEqual({ held: ['write'], waiting: [] })
      await writer.release()
      expect(await theirs.read().tryAcquire()).not.toBe(null)
    })

    it('shows who reads, writes and waits', async () => {
      const { locks, others, clock } = await open()
      const startMs = clock.wallMs()
      const named = locks.readWriteLock('a', { metadata: { label: 'report' } })
      const reader = await named.read().acquire()
      expect('fence' in reader).toBe(false)
      await joinWrite(others)
      const person = { host: reader.owner.split(':')[0], pid: process.pid }
      const view = {
        name: 'a',
        holders: [
          {
            ...{ owner: reader.owner, ...person, metadata: { label: 'report' } },
            ...{ sinceMs: startMs, remainingMs: TTL_MS, mode: 'read' },
          },
        ],
        waiters: [
          { owner: expect.any(String), ...person, metadata: {}, kind: 'caller', mode: 'write' },
        ],
      }
      expect(await named.inspect()).toEqual(view)
      expect(await others.list(10)).toEqual([view])
    })

    it('take turns: who reads lets a writer in before those who came after it', async () => {
      const { locks, others, clock } = await open()
      const writer = await lockOf(locks).write().acquire()
      const readers = [await joinRead(others), await joinRead(locks)]
      const next = await joinWrite(others)
      const late = await joinRead(locks)
      await writer.release()
      const reading = await Promise.all(readers.map((reader) => gets(reader)))
      expect(await modes(lockOf(others))).toEqual({
        held: ['read', 'read'],
        waiting: ['write', 'read'],
      })
      expect(await lockOf(locks).read().tryAcquire()).toBe(null)
      await reading[0]?.release()
      expect(await modes(lockOf(others))).toEqual({ held: ['read'], waiting: ['write', 'read'] })
      await reading[1]?.release()
      const writing = await gets(next)
      expect(writing.fence).toBeGreaterThan(writer.fence)
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: ['read'] })
      await writing.release()
      await gets(late)
      expect(clock.monotonicMs()).toBe(0)
    })

    it('a reader that crashes is gone when its lease is over, and no other one with it', async () => {
      const { locks, others, clock } = await open(crashed)
      await locks.readWriteLock('a', { ttl: '2s' }).read().acquire()
      const healthy = await lockOf(others).read().acquire()
      const writer = await joinWrite(others)
      await clock.advance('1m')
      expect(await modes(lockOf(others))).toEqual({ held: ['read'], waiting: ['write'] })
      healthy.assertHeld()
      await healthy.release()
      await gets(writer)
    })

    it('a writer gets in when the last reader has crashed, one lease later', async () => {
      const { locks, others, clock } = await open(crashed)
      await locks.readWriteLock('a', { ttl: '2s' }).read().acquire()
      const writer = await joinWrite(others)
      await clock.advance(1_999)
      expect(writer.isPending).toBe(true)
      await clock.advance(10)
      await gets(writer)
    })

    it('are told their loss by the local clock alone', async () => {
      const { locks, others, clock } = await open(crashed)
      const reader = await lockOf(locks).read().acquire()
      await clock.advance(VALID_MS - 1)
      reader.assertHeld()
      await clock.advance(1)
      expect(reader.signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
      expect(() => reader.assertHeld()).toThrow(LockLostError)
      await clock.advance(TTL_MS)
      expect(await lockOf(others).write().tryAcquire()).not.toBe(null)
    })

    it('say what was not got within wait, and who stood in the way', async () => {
      const { locks, others, clock } = await open()
      const reader = await lockOf(others).read().acquire()
      await joinWrite(others)
      const waiting = await join(lockOf(locks), () => lockOf(locks).write().acquire({ wait: '5s' }))
      await clock.advance('5s')
      const error = waiting.error as LockTimeoutError
      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(error).toMatchObject({ holder: reader.owner, position: 1 })
      expect(error.message).toMatch(/^Read-write lock "a" was not acquired within 5000 ms: /)
      expect(await waiterCount(lockOf(others))).toBe(1)
    })

    it('who gives up waiting to write lets the readers behind in', async () => {
      const { locks, others, clock } = await open()
      await lockOf(others).read().acquire()
      const stop = new AbortController()
      const writer = await join(lockOf(locks), () =>
        lockOf(locks).write().acquire({ signal: stop.signal }),
      )
      const reader = await joinRead(others)
      stop.abort('enough')
      await clock.advance(0)
      expect(writer.error).toBe('enough')
      await gets(reader)
    })

    it('run in each way, and are over with the work', async () => {
      const { locks, others } = await open()
      const lock = lockOf(locks)
      expect(await lock.read().run(() => modes(lock))).toMatchObject({ held: ['read'] })
      expect(await lock.write().run(() => modes(lock))).toMatchObject({ held: ['write'] })
      expect(await lock.upgradable().run(() => modes(lock))).toMatchObject({ held: ['upgradable'] })
      expect(await modes(lockOf(others))).toEqual({ held: [], waiting: [] })
    })

    it('closing ends waits and leases, and lets the next in', async () => {
      const { locks, others } = await open()
      const reader = await lockOf(locks).read().acquire()
      const upgradable = await lockOf(locks).upgradable().acquire()
      const upgrading = await join(lockOf(locks), () => upgradable.upgrade({ wait: '1h' }))
      const waiting = await joinWrite(locks)
      const next = await joinWrite(others)
      await locks.close()
      expect([upgrading.error, waiting.error]).toEqual([
        expect.any(ClosedError),
        expect.any(ClosedError),
      ])
      for (const lease of [reader, upgradable]) {
        expect(lease.signal.reason).toMatchObject({ reason: 'closed' })
      }
      await gets(next)
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: [] })
      await expect(lockOf(locks).read().acquire()).rejects.toBeInstanceOf(ClosedError)
    })
  })

  describe('an upgradable lease', () => {
    it('shares with readers, and with none of its kind', async () => {
      const { locks, others } = await open()
      const first = await lockOf(locks).upgradable().acquire()
      const reader = await lockOf(others).read().acquire()
      expect(await lockOf(others).upgradable().tryAcquire()).toBe(null)
      const second = await join(lockOf(others), () => lockOf(others).upgradable().acquire())
      await first.release()
      await gets(second)
      expect(await modes(lockOf(others))).toEqual({ held: ['read', 'upgradable'], waiting: [] })
      reader.assertHeld()
    })

    it('writes at once where nobody reads, with fences that grow', async () => {
      const { locks, others } = await open()
      const before = await lockOf(others).write().acquire()
      await before.release()
      const lease = await lockOf(locks).upgradable().acquire()
      const fences = [before.fence]
      for (let round = 0; round < 3; round++) {
        const writer = await lease.upgrade()
        fences.push(writer.fence)
        expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: [] })
        expect(await lockOf(others).read().tryAcquire()).toBe(null)
        expect(await writer.release()).toBe('released')
      }
      await lease.release()
      fences.push((await lockOf(others).write().acquire()).fence)
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    })

    it('waits for the readers in front of everyone, and lets nobody new in', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const readers = [await lockOf(others).read().acquire(), await lockOf(locks).read().acquire()]
      const writer = await joinWrite(others)
      const upgrading = await join(lockOf(others), () => lease.upgrade({ wait: '1h' }))
      expect(await lockOf(others).read().tryAcquire()).toBe(null)
      await readers[0]?.release()
      await clock.advance('1m')
      expect(await waiterCount(lockOf(others))).toBe(2)
      expect(upgrading.isPending).toBe(true)
      await readers[1]?.release()
      const upgraded = await gets(upgrading)
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: ['write'] })
      await clock.advance('1m')
      upgraded.assertHeld()
      expect(writer.isPending).toBe(true)
      await upgraded.release()
      await lease.release()
      expect((await gets(writer)).fence).toBeGreaterThan(upgraded.fence)
    })

    it('goes back to what it was when the upgrade is released, and lets readers in', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const upgraded = await lease.upgrade()
      const reader = await joinRead(others)
      const other = await join(lockOf(others), () => lockOf(others).upgradable().acquire())
      const releasing = upgraded.release()
      expect(() => upgraded.assertHeld()).toThrow(LockLostError)
      expect(upgraded.remainingMs).toBe(0)
      expect(await releasing).toBe('released')
      await gets(reader)
      expect(await modes(lockOf(others))).toEqual({
        held: ['read', 'upgradable'],
        waiting: ['upgradable'],
      })
      lease.assertHeld()
      expect(await upgraded.release()).toBe('released')
      lease.assertHeld()
      await lease.release()
      await gets(other)
      expect(clock.monotonicMs()).toBe(0)
    })

    it('gives up all that it has with the last of its handles', async () => {
      const { locks, others } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const upgraded = await lease.upgrade()
      expect(await lease.release()).toBe('released')
      upgraded.assertHeld()
      await expect(lease.upgrade()).rejects.toMatchObject({ reason: 'released' })
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: [] })
      expect(await upgraded.release()).toBe('released')
      expect(await modes(lockOf(others))).toEqual({ held: [], waiting: [] })
    })

    it('upgrades once at a time', async () => {
      const { locks, others } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const reader = await lockOf(others).read().acquire()
      const upgrading = await join(lockOf(others), () => lease.upgrade())
      await expect(lease.upgrade()).rejects.toMatchObject({ argument: 'upgrade' })
      await reader.release()
      const upgraded = await gets(upgrading)
      await expect(lease.upgrade()).rejects.toBeInstanceOf(ArgumentError)
      const releasing = upgraded.release()
      const again = await lease.upgrade()
      expect(await releasing).toBe('released')
      again.assertHeld()
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: [] })
    })

    it('is kept when the upgrade takes too long, and may try again', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const reader = await lockOf(others).read().acquire()
      const upgrading = await join(lockOf(others), () => lease.upgrade({ wait: '5s' }))
      const behind = await joinRead(others)
      await clock.advance(4_999)
      expect(upgrading.isPending).toBe(true)
      await clock.advance(1)
      expect(upgrading.error).toBeInstanceOf(LockTimeoutError)
      expect((upgrading.error as Error).message).toMatch(/^Read-write lock "a" was not acquired/)
      await (await gets(behind)).release()
      await reader.release()
      await clock.advance('1m')
      expect(await modes(lockOf(others))).toEqual({ held: ['upgradable'], waiting: [] })
      lease.assertHeld()
      expect(await lease.upgrade({ wait: 0 })).toMatchObject({ name: 'a' })
    })

    it('with wait 0 is told at once that there are readers', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      await lockOf(others).read().acquire()
      const upgrading = watched(lease.upgrade({ wait: 0 }))
      await clock.advance(0)
      expect(upgrading.error).toBeInstanceOf(LockTimeoutError)
      expect(await modes(lockOf(others))).toEqual({ held: ['read', 'upgradable'], waiting: [] })
    })
  })

  describe('an upgrade that ends early', () => {
    it('by its signal is withdrawn: nobody writes later', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      const reader = await lockOf(others).read().acquire()
      const stop = new AbortController()
      const { signal } = stop
      const upgrading = await join(lockOf(others), () => lease.upgrade({ signal }))
      stop.abort('enough')
      await clock.advance(0)
      expect(upgrading).toEqual({ error: 'enough', isPending: false })
      await reader.release()
      await clock.advance('1m')
      expect(await modes(lockOf(others))).toEqual({ held: ['upgradable'], waiting: [] })
      await expect(lease.upgrade({ signal })).rejects.toBe('enough')
      lease.assertHeld()
    })

    it.each(['callAfter', 'replyAfter'] as const)(
      'by its signal is withdrawn although its last call is under way (%s)',
      async (part) => {
        const late = gate()
        const { locks, others, clock } = await open(({ method, count }) =>
          method === 'reweigh' && count === 2 ? { [part]: late.opened } : undefined,
        )
        const lease = await lockOf(locks).upgradable().acquire()
        const reader = await lockOf(others).read().acquire()
        const stop = new AbortController()
        const upgrading = await join(lockOf(others), () => lease.upgrade({ signal: stop.signal }))
        await clock.advance('1s')
        stop.abort('enough')
        await reader.release()
        await clock.advance(0)
        expect(upgrading.error).toBe('enough')
        late.open()
        await clock.advance(0)
        expect(await modes(lockOf(others))).toEqual({ held: ['upgradable'], waiting: [] })
      },
    )

    it('by a signal that came too late for its first call is withdrawn, too', async () => {
      const late = gate()
      const { locks, others, clock } = await open(({ method, count }) =>
        method === 'reweigh' && count === 1 ? { replyAfter: late.opened } : undefined,
      )
      const lease = await lockOf(locks).upgradable().acquire()
      const stop = new AbortController()
      const upgrading = watched(lease.upgrade({ signal: stop.signal }))
      await clock.advance(0)
      stop.abort('enough')
      late.open()
      await clock.advance(0)
      expect(upgrading).toEqual({ error: 'enough', isPending: false })
      expect(await modes(lockOf(others))).toEqual({ held: ['upgradable'], waiting: [] })
    })

    it('does not take what the next one has got', async () => {
      const late = gate()
      const { locks, others, clock } = await open(({ method, count }) =>
        method === 'reweigh' && count === 1
          ? { replyAfter: late.opened, loseReplyWith: gone() }
          : undefined,
      )
      const lease = await lockOf(locks).upgradable().acquire()
      const stop = new AbortController()
      const first = watched(lease.upgrade({ signal: stop.signal }))
      await clock.advance(0)
      stop.abort('enough')
      late.open()
      await clock.advance(0)
      expect(first.isPending).toBe(false)
      const upgraded = await lease.upgrade()
      await clock.advance('1m')
      upgraded.assertHeld()
      expect(await modes(lockOf(others))).toEqual({ held: ['write'], waiting: [] })
    })

    it('by an answer that never came is withdrawn', async () => {
      const { locks, others, clock } = await open(({ method, count }) =>
        method === 'reweigh' && count === 1 ? { loseReplyWith: gone() } : undefined,
      )
      const lease = await lockOf(locks).upgradable().acquire()
      await expect(lease.upgrade()).rejects.toBeInstanceOf(EngineUnavailableError)
      await clock.advance(0)
      expect(await modes(lockOf(others))).toEqual({ held: ['upgradable'], waiting: [] })
      lease.assertHeld()
    })

    it('by the loss of the lease says so', async () => {
      let isCut = false
      const { locks, others, clock } = await open(({ method }) =>
        isCut && method !== 'acquire' ? { callAfter: silence } : undefined,
      )
      const lease = await lockOf(locks).upgradable().acquire()
      await lockOf(others).read().acquire()
      const upgrading = await join(lockOf(others), () => lease.upgrade({ wait: '1h' }))
      isCut = true
      await clock.advance(VALID_MS)
      expect(upgrading.error).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
      expect(lease.signal.reason).toBe(upgrading.error)
    })

    it('because the store has lost the lease says so, as the lease does', async () => {
      const { locks, others, clock, store } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      await lockOf(others).read().acquire()
      const upgrading = await join(lockOf(others), () => lease.upgrade({ wait: '1h' }))
      const demand = { weight: 1, permits: 1, solo: true }
      await store.release({ name: 'a', owner: lease.owner, demand })
      await clock.advance('1s')
      expect(upgrading.error).toMatchObject({ reason: 'taken' })
      expect(() => lease.assertHeld()).toThrow(LockLostError)
      expect(await modes(lockOf(others))).toEqual({ held: ['read'], waiting: [] })
    })

    it('by the release of its lease says so, within a heartbeat', async () => {
      const { locks, others, clock } = await open()
      const lease = await lockOf(locks).upgradable().acquire()
      await lockOf(others).read().acquire()
      const upgrading = await join(lockOf(others), () => lease.upgrade({ wait: '1h' }))
      expect(await lease.release()).toBe('released')
      await clock.advance('1s')
      expect(upgrading.error).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'released' })
      expect(await modes(lockOf(others))).toEqual({ held: ['read'], waiting: [] })
    })
  })

  describe('downgrading', () => {
    it('lets the readers in front in at once, and no writer in between', async () => {
      const { locks, others, clock } = await open()
      const writer = await lockOf(locks).write().acquire()
      const reader = await joinRead(others)
      const next = await joinWrite(others)
      const kept = await writer.downgrade()
      await gets(reader)
      expect(await modes(lockOf(others))).toEqual({ held: ['read', 'read'], waiting: ['write'] })
      expect(() => writer.assertHeld()).toThrow(LockLostError)
      expect(writer.remainingMs).toBe(0)
      await expect(writer.downgrade()).rejects.toMatchObject({ reason: 'released' })
      await clock.advance('1m')
      kept.assertHeld()
      expect(next.isPending).toBe(true)
      expect(await writer.release()).toBe('released')
      kept.assertHeld()
      await (reader.value ?? kept).release()
      expect(await kept.release()).toBe('released')
      expect((await gets(next)).fence).toBeGreaterThan(writer.fence)
    })

    it('of which no answer comes leaves nobody who believes to write, or to read', async () => {
      const answer = gate()
      const { locks, others, clock } = await open(({ method }) =>
        method === 'reweigh' ? { replyAfter: answer.opened, loseReplyWith: gone() } : undefined,
      )
      const writer = await lockOf(locks).write().acquire()
      const downgrading = watched(writer.downgrade())
      await clock.advance(0)
      await lockOf(others).read().acquire()
      expect(() => writer.assertHeld()).toThrow(LockLostError)
      answer.open()
      await clock.advance(0)
      expect(downgrading.error).toBeInstanceOf(EngineUnavailableError)
      expect(await modes(lockOf(others))).toEqual({ held: ['read'], waiting: [] })
    })

    it('of what the store has lost says so', async () => {
      const { locks, store } = await open()
      const writer = await lockOf(locks).write().acquire()
      const demand = { weight: 1, permits: 1, solo: false }
      await store.release({ name: 'a', owner: writer.owner, demand })
      await expect(writer.downgrade()).rejects.toMatchObject({ reason: 'taken' })
      expect(writer.signal.reason).toMatchObject({ reason: 'taken' })
    })
  })
})
