import type { RedisEngine } from '../../engine/redis/engine.ts'
import { EngineUnavailableError } from '../../errors.ts'
import type { Grant, Holder, LockStore, LockView } from '../store.ts'
import * as scripts from './scripts.gen.ts'

/** A command that its client gave up on may still be executed for about this long. */
const GONE_MS = 30_000
/** Locks whose fence alone is left are many, and not listed: a list looks at no more than these. */
const MOST_LOOKED_AT = 10_000
const LIST_STEP = 200

/** Locks on Redis. The keys are described in the `.lua` files beside this one. */
export function redisLockStore(engine: RedisEngine): LockStore {
  const grantListeners = new Set<(grant: Grant) => void>()
  const inbox = engine.keys.inbox('')
  const counted = engine.countsListeners ? 1 : 0
  let floor = 0

  const keysOf = (name: string) => ({
    lock: engine.keys.key('lock', name),
    line: engine.keys.key('lock', name, 'line'),
    waiters: engine.keys.key('lock', name, 'waiters'),
  })
  const withGone = (name: string, owner: string) => ({
    ...keysOf(name),
    gone: engine.keys.key('lock', name, `gone:${owner}`),
  })

  function sawFence(fence: number): number {
    floor = Math.max(floor, fence)
    return fence
  }

  function tell(owner: string, fence: number): void {
    if (owner === '') return
    for (const listener of grantListeners) listener({ owner, fence: sawFence(fence) })
  }

  engine.inbox.on('lock', (text) => {
    const space = text.indexOf(' ')
    tell(text.slice(space + 1), Number(text.slice(0, space)))
  })

  async function inspect(name: string): Promise<LockView> {
    const view = await engine.call(scripts.inspect, keysOf(name), {})
    const holder = holderOf(view)
    return {
      name,
      holder: holder && { ...holder, fence: view.fence },
      waiters: view.owners.map((owner, index) => ({
        owner,
        kind: view.kinds[index] === 'job' ? 'job' : 'caller',
      })),
    }
  }

  return {
    async acquire({ name, owner, ttlMs, claimMs, enqueue, heartbeat }) {
      if (enqueue) engine.inbox.start()
      const answer = await engine.call(scripts.acquire, withGone(name, owner), {
        owner,
        ttlUs: toUs(ttlMs),
        claimUs: toUs(claimMs),
        enqueue: enqueue ? 1 : 0,
        heartbeat: heartbeat ? 1 : 0,
        floor,
      })
      switch (answer.tag) {
        case 'acquired':
          return { tag: 'acquired', fence: sawFence(answer.fence), sentAtMs: answer.sentAtMs }
        case 'waiting':
          return {
            tag: 'waiting',
            position: answer.position,
            holder: holderOf(answer),
            sentAtMs: answer.sentAtMs,
          }
        case 'held':
          return { tag: 'held', waiterCount: answer.waiterCount, holder: holderOf(answer) }
        case 'refused':
          return { tag: 'refused' }
      }
    },

    async renew({ name, owner, ttlMs }) {
      const { lock } = keysOf(name)
      return engine.call(scripts.renew, { lock }, { owner, ttlUs: toUs(ttlMs) })
    },

    async release({ name, owner }) {
      const args = { owner, self: engine.clientId, inbox, floor, counted }
      const answer = await engine.call(scripts.release, keysOf(name), args)
      if (answer.tag === 'lost') {
        if (answer.mayHaveRun) throw releasedOrLost(name)
        return { tag: 'lost' }
      }
      tell(answer.granted, answer.fence)
      return { tag: 'released' }
    },

    async leave({ name, owner }) {
      const args = { owner, goneMs: GONE_MS, self: engine.clientId, inbox, floor, counted }
      const answer = await engine.call(scripts.leave, withGone(name, owner), args)
      tell(answer.granted, answer.fence)
    },

    inspect,

    async list(limit) {
      const keys = await engine.scan(engine.keys.pattern('lock'), MOST_LOOKED_AT)
      const names = keys
        .map((key) => engine.keys.nameOf('lock', key))
        .filter((name) => name !== null)
      const found: LockView[] = []
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

    onDoubt(listener) {
      const stops = [engine.inbox.onDoubt(listener), engine.onDoubt(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },

    resetSince: (sinceMs) => engine.resetSince(sinceMs),
  }
}

/** The lock remembers who released it last; once another did, a repeat is no answer to the first. */
const releasedOrLost = (name: string) =>
  new EngineUnavailableError(
    `Lock ${JSON.stringify(name)} is no longer held by this lease, but the answer that says whether it was released in time or lost went down with a connection.`,
    { outcome: 'unknown' },
  )

const toUs = (ms: number) => Math.round(ms * 1000)

function holderOf(view: { holder: string; sinceUs: number; remainingUs: number }): Holder | null {
  if (view.holder === '') return null
  return { owner: view.holder, sinceMs: view.sinceUs / 1000, remainingMs: view.remainingUs / 1000 }
}
