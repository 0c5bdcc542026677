import type { Engine } from '../engine/engine.ts'
import type { EngineAddress, Logger } from '../engine/open.ts'
import type { Gates } from '../gate/gate.ts'
import type { Queues } from './api.ts'
import { createQueues } from './queue.ts'
import { redisQueueStore } from './redis/store.ts'
import { sqliteQueueStore } from './sqlite/store.ts'
import type { QueueStore } from './store.ts'

export function openQueueStore(engine: Engine): QueueStore {
  return engine.kind === 'redis' ? redisQueueStore(engine) : sqliteQueueStore(engine)
}

/** @param gates what its jobs can wait for */
export function openQueues(
  engine: Engine,
  logger: Logger,
  address: EngineAddress | null,
  gates: Gates,
): Queues {
  const { clock, clientId, commandTimeoutMs } = engine
  const store = openQueueStore(engine)
  return createQueues(store, clock, clientId, commandTimeoutMs, logger, address, gates)
}
