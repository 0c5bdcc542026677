import type { RedisEngine } from '../../engine/redis/engine.ts'
import { asUnknown } from '../../engine/redis/failures.ts'
import { QueueFullError } from '../errors.ts'
import type { AddRequest, QueueStore } from '../store.ts'
import { addCall } from './adds.ts'
import type { QueueKeys } from './keys.ts'
import { learnLine } from './line.ts'
import * as scripts from './scripts.gen.ts'

/** Batches of plain jobs: one at a time, or a second one on its way while the first is worked on. */
export function redisAdding(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
): Pick<QueueStore, 'add' | 'addBehind'> {
  function call(request: AddRequest, isBehind: boolean) {
    const { keys, args } = addCall(keysOf(request.queue), request, eventsKept, isBehind)
    return engine.call(scripts.add, keys, args)
  }

  function idsOf(request: AddRequest, answer: Awaited<ReturnType<typeof call>>): string[] {
    // Only what was sent behind another one is told of a gap.
    if (answer.tag === 'stale' || answer.tag === 'gap') return []
    if (answer.tag === 'full') throw new QueueFullError(request.queue, request, answer)
    learnLine(keysOf(request.queue), answer)
    return request.jobs.map((_, index) => String(answer.firstId + index))
  }

  return {
    add: async (request) => idsOf(request, await call(request, false)),

    async addBehind(request, settled) {
      const answer = await call(request, true)
      if (answer.tag !== 'gap') return idsOf(request, answer)
      const lastAdded = await settled
      try {
        return idsOf(request, await call({ ...request, lastAdded }, false))
      } catch (error) {
        throw asUnknown(error, answer.mayHaveRun)
      }
    },
  }
}
