import type { Engine } from '../engine/engine.ts'
import type { EngineAddress, Logger } from '../engine/open.ts'
import type { Queues } from './api.ts'
import { createQueues } from './queue.ts'
import { redisQueueStore } from './redis/store.ts'
import { sqliteQueueStore } from './sqlite/store.ts'
import type { QueueStore } from './store.ts'

export function openQueueStore(engine: Engine): QueueStore {
  return engine.kind === 'redis' ? redisQueueStore(engine) : sqliteQueueStore(engine)
}

export function openQueues(engine: Engine, logger: Logger, address: EngineAddress | null): Queues {
  const { clock, clientId, commandTimeoutMs } = engine
  return createQueues(openQueueStore(engine), clock, clientId, commandTimeoutMs, logger, address)
}
