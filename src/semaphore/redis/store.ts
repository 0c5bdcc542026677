import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { SettingsMismatchError } from '../../errors.ts'
import { GONE_MS, holderOf, listInUse, RELEASED, releasedOrLost } from '../../gate/redis/answers.ts'
import { redisGrants } from '../../gate/redis/grants.ts'
import type { SemaphoreStore, StoredSemaphore } from '../store.ts'
import * as scripts from './scripts.gen.ts'

/** What keys and messages of a kind of thing start with. */
const TOPICS = { semaphore: 'semaphore', 'read-write-lock': 'readwrite' } as const

/** Semaphores on Redis. The keys are described in the `.lua` files beside this one. */
export function redisSemaphoreStore(
  engine: RedisEngine,
  kind: 'semaphore' | 'read-write-lock',
): SemaphoreStore {
  const topic = TOPICS[kind]
  const { tell, onGrant, onDoubt } = redisGrants(engine, topic)
  let resizeCount = 0

  const keysOf = (name: string) => ({
    semaphore: engine.keys.key(topic, name),
    holders: engine.keys.key(topic, name, 'holders'),
    held: engine.keys.key(topic, name, 'held'),
    line: engine.keys.key(topic, name, 'line'),
    waiters: engine.keys.key(topic, name, 'waiters'),
  })
  const withGone = (name: string, owner: string) => ({
    ...keysOf(name),
    gone: engine.keys.key(topic, name, `gone:${owner}`),
  })

  /** Waiters of this client are told by the reply to whatever let them in. */
  function tellAll({ granted, fences }: { granted: string[]; fences: number[] }): void {
    granted.forEach((owner, index) => {
      tell(owner, fences[index] ?? 0)
    })
  }

  async function inspect(name: string): Promise<StoredSemaphore> {
    const view = await engine.call(scripts.inspect, keysOf(name), {})
    return {
      name,
      permits: view.permits,
      used: view.used,
      holders: view.owners.map((owner, index) => ({
        owner,
        sinceMs: at(view.sinceUs, index) / 1000,
        remainingMs: at(view.remainingUs, index) / 1000,
        fence: at(view.fences, index),
        weight: at(view.weights, index),
        solo: view.solos[index] === 1,
        metadata: view.metadatas[index] ?? '',
      })),
      waiters: view.waiterOwners.map((owner, index) => ({
        owner,
        kind: view.waiterKinds[index] === 'job' ? 'job' : 'caller',
        metadata: view.waiterMetadatas[index] ?? '',
        weight: at(view.waiterWeights, index),
        solo: view.waiterSolos[index] === 1,
      })),
    }
  }

  return {
    async acquire(request) {
      const { name, owner, ttlMs, claimMs, enqueue, heartbeat, metadata, replicas, demand } =
        request
      if (enqueue) engine.inbox.start()
      const { permits, weight, solo } = demand
      const args = {
        ...{ owner, permits, weight, solo: solo ? 1 : 0, metadata, topic },
        ...{ ttlUs: toUs(ttlMs), claimUs: toUs(claimMs) },
        ...{
          enqueue: enqueue ? 1 : 0,
          heartbeat: heartbeat ? 1 : 0,
          kind: request.kind ?? 'caller',
        },
      }
      const answer = await engine.call(scripts.acquire, withGone(name, owner), args, replicas)
      if (answer.tag === 'mismatch')
        throw new SettingsMismatchError('Semaphore', name, answer.permits, permits)
      if (answer.tag === 'refused') return { tag: 'refused' }
      tellAll(answer)
      switch (answer.tag) {
        case 'acquired': {
          const { fence, sentAtMs } = answer
          return { tag: 'acquired', fence: engine.sawFence(fence), sentAtMs }
        }
        case 'waiting': {
          const { position, lastFence, sentAtMs } = answer
          return { tag: 'waiting', position, lastFence, holder: holderOf(answer), sentAtMs }
        }
        case 'held':
          return { tag: 'held', waiterCount: answer.waiterCount, holder: holderOf(answer) }
      }
    },

    async renew({ name, owner, ttlMs, replicas }) {
      const args = { owner, ttlUs: toUs(ttlMs), topic }
      const answer = await engine.call(scripts.renew, keysOf(name), args, replicas)
      tellAll(answer)
      if (answer.tag === 'lost') return { tag: 'lost' }
      return { tag: 'renewed', sentAtMs: answer.sentAtMs }
    },

    async release({ name, owner }) {
      const answer = await engine.call(scripts.release, keysOf(name), { owner, topic })
      tellAll(answer)
      if (answer.tag === 'released') return RELEASED
      if (answer.mayHaveRun) throw releasedOrLost('Semaphore', name)
      return { tag: 'lost' }
    },

    async leave({ name, owner }) {
      const args = { owner, goneMs: GONE_MS, topic }
      tellAll(await engine.call(scripts.leave, withGone(name, owner), args))
    },

    async reweigh({ name, owner, weight, solo, ttlMs, claimMs, heartbeat, replicas }) {
      engine.inbox.start()
      const args = {
        ...{ owner, weight, solo: solo ? 1 : 0, topic, heartbeat: heartbeat ? 1 : 0 },
        ...{ ttlUs: toUs(ttlMs), claimUs: toUs(claimMs) },
      }
      const answer = await engine.call(scripts.reweigh, keysOf(name), args, replicas)
      tellAll(answer)
      const { sentAtMs } = answer
      switch (answer.tag) {
        case 'changed':
          return { tag: 'changed', fence: engine.sawFence(answer.fence), sentAtMs }
        case 'waiting':
          return { tag: 'waiting', lastFence: answer.lastFence, sentAtMs }
        case 'lost':
          return { tag: 'lost' }
      }
    },

    async resize({ name, permits }) {
      const args = { permits, call: `${engine.clientId}.${++resizeCount}`, topic }
      const answer = await engine.call(scripts.resize, keysOf(name), args)
      tellAll(answer)
      return answer.before
    },

    inspect,

    list: (limit) =>
      listInUse(engine, topic, limit, inspect, ({ holders, waiters }) => {
        return holders.length + waiters.length > 0
      }),

    onGrant,
    onDoubt,
    // Nobody can take permits away on purpose.
    onForced: () => () => {},

    resetSince: (sinceMs) => engine.resetSince(sinceMs),
  }
}

const at = (list: readonly number[], index: number) => list[index] ?? 0
