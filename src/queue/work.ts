import type { Clock } from '../clock.ts'
import type { EngineAddress, Logger } from '../engine/open.ts'
import { ArgumentError } from '../errors.ts'
import { callback } from '../options.ts'
import { type BatchHandler, BatchHandling } from './batch.ts'
import { type Handler, handleEach } from './handling.ts'
import { Heartbeat } from './heartbeat.ts'
import { readWork } from './options.ts'
import type { PullerTerms } from './puller.ts'
import type { QueueStore } from './store.ts'
import { QueueWorker } from './worker.ts'

/** What all workers of a queue in this process share. */
export interface WorkGround {
  store: QueueStore
  clock: Clock
  logger: Logger
  /** Null where no thread can open the same engine. */
  address: EngineAddress | null
  terms: PullerTerms
}

/** Reads what `work` was given, and starts its worker. @throws {ArgumentError} */
export function startWorker<Data>(
  { store, clock, logger, address, terms }: WorkGround,
  handler: unknown,
  options: unknown,
  onClosed: () => void,
): QueueWorker {
  const { queue, readPayload } = terms
  const { batch, heartbeatLimitMs, ...work } = readWork(options, terms.timeoutMs)
  const run = callback(handler, 'work.handler')
  const handling = batch
    ? new BatchHandling(clock, batch, run as BatchHandler<Data>, readPayload)
    : handleEach(run as Handler<Data>, readPayload, work.concurrency)
  const heartbeat =
    heartbeatLimitMs === null
      ? null
      : new Heartbeat(
          {
            address: threadAddress(address),
            leaseMs: work.leaseMs,
            limitMs: heartbeatLimitMs,
          },
          (error) =>
            logger.error(`sluice: the heartbeat of queue ${JSON.stringify(queue)} ended`, error),
        )
  return new QueueWorker(store, clock, { ...terms, ...work, heartbeat }, handling, onClosed)
}

function threadAddress(address: EngineAddress | null): EngineAddress {
  if (address) return address
  const where = 'where the Sluice has a client, functions for credentials, a clock, or memory'
  throw new ArgumentError('work.heartbeat', `'loop' ${where}`, "'thread'")
}
