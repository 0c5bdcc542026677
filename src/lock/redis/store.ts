import { Deadlines } from '../../deadlines.ts'
import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { GONE_MS, holderOf, listInUse, RELEASED, releasedOrLost } from '../../gate/redis/answers.ts'
import { redisGrants, splitOnce } from '../../gate/redis/grants.ts'
import type {
  AcquireAnswer,
  AcquireRequest,
  HandOverRequest,
  ReleaseAnswer,
  ReleaseRequest,
  RenewAnswer,
} from '../../gate/store.ts'
import type { LockDemand, LockStore, StoredLock } from '../store.ts'
import { Claims } from './claims.ts'
import { Crowds } from './crowds.ts'
import { leaseWriter } from './lease-texts.ts'
import * as scripts from './scripts.gen.ts'

/**
 * Locks on Redis. The keys are described in the `.lua` files beside this one. What nobody waits for
 * goes the short way, on one key; what somebody may wait for the long one.
 */
export function redisLockStore(engine: RedisEngine, kind: 'lock' | 'election'): LockStore {
  const { tell, onGrant, onDoubt } = redisGrants(engine, kind)
  const forcedListeners = new Set<(forced: { owner: string; reason: string }) => void>()
  const crowds = new Crowds(engine.clock)
  const leaseTexts = leaseWriter()
  const claims = new Claims(engine, leaseTexts)
  const deadlines = new Deadlines(engine.clock, engine.commandTimeoutMs)

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

  engine.inbox.on(`${kind}-forced`, (text) => {
    const [owner, reason] = splitOnce(text)
    for (const listener of forcedListeners) listener({ owner, reason })
  })

  /** The short way has no async function: what those allocate was a third of its client's work. */
  function acquire(request: AcquireRequest<LockDemand>): Promise<AcquireAnswer> {
    const { name, enqueue, heartbeat } = request
    if (enqueue) engine.inbox.start()
    if (heartbeat || crowds.isAt(name)) return acquireInLine(request)
    const lock = lockOf(name)
    if (!claims.serves(request)) return take(lock, request)
    return claims.take(lock, request, () => take(lock, request))
  }

  function take(lock: string, request: AcquireRequest<LockDemand>): Promise<AcquireAnswer> {
    const { owner, ttlMs, enqueue, metadata, replicas } = request
    const { leaseUs, leaseMs } = leaseTexts(ttlMs)
    const args = { owner, leaseUs, leaseMs, metadata }
    return engine.call(scripts.take, { lock }, args, replicas).then((answer) => {
      if (answer.tag === 'acquired') {
        engine.sawFence(answer.fence)
        return answer
      }
      if (answer.tag === 'busy' || enqueue) return acquireInLine(request)
      return { tag: 'held', waiterCount: 0, holder: holderOf(answer) }
    })
  }

  async function acquireInLine(request: AcquireRequest<LockDemand>): Promise<AcquireAnswer> {
    const { name, owner, ttlMs, claimMs, enqueue, heartbeat, metadata, replicas, demand } = request
    crowds.saw(name)
    const args = {
      ...{ owner, ttlUs: toUs(ttlMs), claimUs: toUs(claimMs), metadata },
      enqueue: enqueue ? 1 : 0,
      heartbeat: heartbeat ? 1 : 0,
      kind: request.kind ?? 'caller',
      fair: demand.fair ? 1 : 0,
    }
    const answer = await engine.call(scripts.acquire, withGone(name, owner), args, replicas)
    switch (answer.tag) {
      case 'acquired':
        engine.sawFence(answer.fence)
        return answer
      case 'waiting': {
        const { position, lastFence, sentAtMs } = answer
        const holder = holderOf(answer)
        if (!holder) await passOn(name, 'all')
        return { tag: 'waiting', position, lastFence, holder, sentAtMs }
      }
      case 'held': {
        const holder = holderOf(answer)
        const isDeaf = !holder && (await passOn(name, 'jobs')) === 'deaf'
        // They keep their places, as at a release that passes them over.
        if (isDeaf) return acquireInLine({ ...request, demand: { fair: false } })
        return { tag: 'held', waiterCount: answer.waiterCount, holder }
      }
      case 'refused':
        return { tag: 'refused' }
    }
  }

  /** Free, and somebody stands in front: who is dead and does not listen would hold up all others, a job for 15 s. */
  async function passOn(name: string, to: 'all' | 'jobs'): Promise<'passed' | 'deaf' | 'kept'> {
    const args = { toJobs: to === 'jobs' ? 1 : 0, topic: kind }
    const answer = await engine.call(scripts.passOn, keysOf(name), args)
    if (answer.tag === 'passed') tell(answer.granted, answer.fence)
    return answer.tag
  }

  function release(request: ReleaseRequest<LockDemand>): Promise<ReleaseAnswer> {
    const { name, owner, demand } = request
    if (crowds.isAt(name)) return releaseToLine(request, false)
    const lock = lockOf(name)
    if (demand.fenced !== false) return give(lock, request, false)
    return claims.give(lock, owner, (wasSent) => give(lock, request, wasSent))
  }

  /** @param wasSent it may have been given up already */
  function give(
    lock: string,
    request: ReleaseRequest<LockDemand>,
    wasSent: boolean,
  ): Promise<ReleaseAnswer> {
    const { name, owner, demand } = request
    // What was taken by a command alone is given back alone, by a call that waits for no other.
    const call = demand.fenced === false ? engine.callAtOnce : engine.call
    return call(scripts.give, { lock }, { owner }).then((answer) => {
      const mayHaveRun = answer.mayHaveRun || wasSent
      if (answer.tag === 'released') return RELEASED
      if (answer.tag === 'busy') return releaseToLine(request, mayHaveRun)
      // Nobody else may have ended a lease that is valid: the sending whose answer was lost did.
      return mayHaveRun && isCertain(request) ? RELEASED : lostOrUnknown(name, mayHaveRun)
    })
  }

  async function releaseToLine(
    { name, owner, demand }: ReleaseRequest<LockDemand>,
    mayHaveRun: boolean,
  ): Promise<ReleaseAnswer> {
    crowds.saw(name)
    const args = { owner, fair: demand.fair ? 1 : 0, topic: kind }
    const answer = await engine.call(scripts.release, keysOf(name), args)
    if (answer.tag === 'lost') return lostOrUnknown(name, mayHaveRun || answer.mayHaveRun)
    tell(answer.granted, answer.fence, answer.successor)
    return RELEASED
  }

  /** Whether it surely was held until now, had its owner not given it up. */
  function isCertain({ heldSinceMs, validUntilMs }: ReleaseRequest<LockDemand>): boolean {
    if (heldSinceMs === undefined || validUntilMs === undefined) return false
    const isValid = engine.clock.monotonicMs() < validUntilMs
    return isValid && engine.resetSince(heldSinceMs) === null
  }

  async function handOver(request: HandOverRequest): Promise<RenewAnswer> {
    const { name, owner, successor, fence, ttlMs, metadata } = request
    engine.sawFence(fence)
    const args = { owner, successor, fence, ttlUs: toUs(ttlMs), metadata }
    const answer = await engine.call(scripts.handOver, keysOf(name), args)
    if (answer.tag === 'lost') lostOrUnknown(name, answer.mayHaveRun)
    return answer.tag === 'renewed' ? { ...answer, successor: answer.successor || null } : answer
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

    release,

    ...(kind === 'lock' ? { handOver, deadlines } : {}),

    async leave({ name, owner }) {
      const args = { owner, goneMs: GONE_MS, topic: kind }
      const answer = await engine.call(scripts.leave, withGone(name, owner), args)
      tell(answer.granted, answer.fence)
    },

    async forceRelease({ name, reason, expectFence }) {
      const args = { expectedFence: expectFence ?? 0, reason, goneMs: GONE_MS, topic: kind }
      const answer = await engine.call(scripts.forceRelease, keysOf(name), args)
      if (answer.tag === 'released') tell(answer.granted, answer.fence)
      return answer.tag
    },

    async describe({ name, owner, metadata }) {
      const keys = { lock: lockOf(name) }
      return (await engine.call(scripts.describe, keys, { owner, metadata })).tag
    },

    async raiseFence({ name, owner, fence }) {
      engine.sawFence(fence)
      return (await engine.call(scripts.raiseFence, { lock: lockOf(name) }, { owner, fence })).tag
    },

    async reserveFences({ name, owner, fence }) {
      engine.sawFence(fence)
      const keys = { lock: lockOf(name), line: engine.keys.key(kind, name, 'line') }
      return (await engine.call(scripts.reserveFences, keys, { owner, fence })).tag
    },

    inspect,

    list: (limit) =>
      listInUse(engine, kind, limit, inspect, ({ holder, waiters }) => {
        return holder !== null || waiters.length > 0
      }),

    onGrant,
    onDoubt,

    onForced(listener) {
      forcedListeners.add(listener)
      return () => forcedListeners.delete(listener)
    },

    resetSince: (sinceMs) => engine.resetSince(sinceMs),
  }
}

function lostOrUnknown(name: string, mayHaveRun: boolean): ReleaseAnswer {
  if (mayHaveRun) throw releasedOrLost('Lock', name)
  return { tag: 'lost' }
}
