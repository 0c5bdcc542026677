import type { RedisEngine } from '../../engine/redis/engine.ts'
import { EngineUnavailableError, StoreFullError } from '../../errors.ts'
import type { AcquireAnswer, AcquireRequest, Grant, Holder } from '../../gate/store.ts'
import type { LockDemand, LockStore, StoredLock } from '../store.ts'
import { Crowds } from './crowds.ts'
import * as scripts from './scripts.gen.ts'

/** A command that its client gave up on may still be executed for about this long. */
const GONE_MS = 30_000
/** Locks whose fence alone is left are many, and not listed: a list looks at no more than these. */
const MOST_LOOKED_AT = 10_000
const LIST_STEP = 200

/**
 * Locks on Redis. The keys are described in the `.lua` files beside this one. What nobody waits for
 * goes the short way, on one key; what somebody may wait for the long one.
 */
export function redisLockStore(engine: RedisEngine, kind: 'lock' | 'election'): LockStore {
  const grantListeners = new Set<(grant: Grant) => void>()
  const forcedListeners = new Set<(forced: { owner: string; reason: string }) => void>()
  const crowds = new Crowds(engine.clock)

  const lockOf = (name: string) => engine.keys.key(kind, name)
  const keysOf = (name: string) => ({
    lock: lockOf(name),
    line: engine.keys.key(kind, name, 'line'),
    waiters: engine.keys.key(kind, name, 'waiters'),
  })
  const withGone = (name: string, owner: string) => ({
    ...keysOf(name),
    gone: engine.keys.key(kind, name, `gone:${owner}`),
  })

  function tell(owner: string, fence: number): void {
    if (owner === '') return
    engine.sawFence(fence)
    for (const listener of grantListeners) listener({ owner, fence })
  }

  engine.inbox.on(kind, (text) => {
    const [fence, owner] = splitOnce(text)
    tell(owner, Number(fence))
  })
  engine.inbox.on(`${kind}-forced`, (text) => {
    const [owner, reason] = splitOnce(text)
    for (const listener of forcedListeners) listener({ owner, reason })
  })

  async function acquire(request: AcquireRequest<LockDemand>): Promise<AcquireAnswer> {
    const { name, owner, ttlMs, claimMs, enqueue, heartbeat, metadata, replicas, demand } = request
    if (enqueue) engine.inbox.start()
    if (!heartbeat && !crowds.isAt(name)) {
      const args = { owner, ttlUs: toUs(ttlMs), metadata }
      const answer = await engine.call(scripts.take, { lock: lockOf(name) }, args, replicas)
      if (answer.tag === 'acquired') {
        engine.sawFence(answer.fence)
        return answer
      }
      if (answer.tag === 'held' && !enqueue) {
        return { tag: 'held', waiterCount: 0, holder: holderOf(answer) }
      }
    }
    crowds.saw(name)
    const args = {
      ...{ owner, ttlUs: toUs(ttlMs), claimUs: toUs(claimMs), metadata },
      enqueue: enqueue ? 1 : 0,
      heartbeat: heartbeat ? 1 : 0,
      fair: demand.fair ? 1 : 0,
    }
    const answer = await engine.call(scripts.acquire, withGone(name, owner), args, replicas)
    switch (answer.tag) {
      case 'acquired':
        engine.sawFence(answer.fence)
        return answer
      case 'waiting': {
        const { position, lastFence, sentAtMs } = answer
        return { tag: 'waiting', position, lastFence, holder: holderOf(answer), sentAtMs }
      }
      case 'held':
        return { tag: 'held', waiterCount: answer.waiterCount, holder: holderOf(answer) }
      case 'refused':
        return { tag: 'refused' }
    }
  }

  async function release(name: string, owner: string, fair: boolean): Promise<boolean> {
    if (!crowds.isAt(name)) {
      const answer = await engine
        .call(scripts.give, { lock: lockOf(name) }, { owner })
        .catch(refusedAsFull)
      if (answer?.tag === 'released') return true
      if (answer?.tag === 'lost') return answer.mayHaveRun ? inDoubt(name) : false
    }
    crowds.saw(name)
    const args = { owner, fair: fair ? 1 : 0, topic: kind }
    const answer = await engine.call(scripts.release, keysOf(name), args)
    if (answer.tag === 'lost') return answer.mayHaveRun ? inDoubt(name) : false
    tell(answer.granted, answer.fence)
    return true
  }

  async function inspect(name: string): Promise<StoredLock> {
    const view = await engine.call(scripts.inspect, keysOf(name), {})
    const { fence, metadata } = view
    const holder = holderOf(view)
    return {
      name,
      holder: holder && { ...holder, fence, metadata },
      waiters: view.owners.map((owner, index) => ({
        owner,
        kind: view.kinds[index] === 'job' ? 'job' : 'caller',
        metadata: view.metadatas[index] ?? '',
      })),
    }
  }

  return {
    acquire,

    renew: ({ name, owner, ttlMs, replicas }) =>
      engine.call(scripts.renew, { lock: lockOf(name) }, { owner, ttlUs: toUs(ttlMs) }, replicas),

    async release({ name, owner, demand }) {
      return { tag: (await release(name, owner, demand.fair)) ? 'released' : 'lost' }
    },

    async leave({ name, owner }) {
      const args = { owner, goneMs: GONE_MS, topic: kind }
      const answer = await engine.call(scripts.leave, withGone(name, owner), args)
      tell(answer.granted, answer.fence)
    },

    async forceRelease({ name, reason, expectFence }) {
      const args = { expectedFence: expectFence ?? 0, reason, topic: kind }
      const answer = await engine.call(scripts.forceRelease, keysOf(name), args)
      if (answer.tag === 'released') tell(answer.granted, answer.fence)
      return answer.tag
    },

    async describe({ name, owner, metadata }) {
      const keys = { lock: lockOf(name) }
      return (await engine.call(scripts.describe, keys, { owner, metadata })).tag
    },

    inspect,

    async list(limit) {
      const keys = await engine.scan(engine.keys.pattern(kind), MOST_LOOKED_AT)
      const names = keys.map((key) => engine.keys.nameOf(kind, key)).filter((name) => name !== null)
      const found: StoredLock[] = []
      for (let start = 0; start < names.length && found.length < limit; start += LIST_STEP) {
        const views = await Promise.all(names.slice(start, start + LIST_STEP).map(inspect))
        found.push(...views.filter((view) => view.holder || view.waiters.length > 0))
      }
      return found.slice(0, limit)
    },

    onGrant(listener) {
      grantListeners.add(listener)
      return () => grantListeners.delete(listener)
    },

    onForced(listener) {
      forcedListeners.add(listener)
      return () => forcedListeners.delete(listener)
    },

    onDoubt(listener) {
      const stops = [engine.inbox.onDoubt(listener), engine.onDoubt(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },

    resetSince: (sinceMs) => engine.resetSince(sinceMs),
  }
}

/** Nothing was written: what is given back must be, and the long way begins with what frees memory. */
function refusedAsFull(error: unknown): null {
  if (error instanceof StoreFullError) return null
  throw error
}

/** The lock remembers who released it last; once another did, a repeat is no answer to the first. */
function inDoubt(name: string): never {
  throw new EngineUnavailableError(
    `Lock ${JSON.stringify(name)} is no longer held by this lease, but the answer that says whether it was released in time or lost went down with a connection.`,
    { outcome: 'unknown' },
  )
}

const toUs = (ms: number) => Math.round(ms * 1000)

function splitOnce(text: string): [string, string] {
  const space = text.indexOf(' ')
  return [text.slice(0, space), text.slice(space + 1)]
}

function holderOf(view: { holder: string; sinceUs: number; remainingUs: number }): Holder | null {
  if (view.holder === '') return null
  return { owner: view.holder, sinceMs: view.sinceUs / 1000, remainingMs: view.remainingUs / 1000 }
}
