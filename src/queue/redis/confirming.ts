import type { RedisEngine } from '../../engine/redis/engine.ts'
import { forgottenBatch } from '../durability.ts'
import type { QueueStore } from '../store.ts'
import type { QueueKeys } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/**
 * Replicas and the append-only file get writes in their order. So a write behind the batch, on a
 * connection that may block, stands for it; that it was made by a server that has the batch, and not by
 * one that took over without it, the script makes sure.
 */
export function redisConfirming(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
): Pick<QueueStore, 'checkDemand' | 'confirm'> {
  return {
    async checkDemand(queue, { fsync }) {
      if (fsync) await engine.assertSyncs(keysOf(queue).meta)
    },

    async confirm({ queue, producer, first, sequence, isNamed, demand }) {
      const keys = { producer: keysOf(queue).producer(isNamed ? `${producer}:named` : producer) }
      const { replicas, fsync } = demand
      const { tag } = await engine.call(scripts.confirm, keys, { first, sequence }, replicas, fsync)
      if (tag === 'unknown') throw forgottenBatch(engine.place)
    },
  }
}
