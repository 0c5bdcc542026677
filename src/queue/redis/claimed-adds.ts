import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { asUnknown } from '../../engine/redis/failures.ts'
import type { AddRequest, ExchangeAnswer, ExchangeRequest, QueueStore } from '../store.ts'
import { endOfTurn } from '../turn.ts'
import { hasFlags, packNewJob } from './body.ts'
import { bucketName, type QueueKeys } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** An add that waits for the claim that follows it. */
export interface WaitingAdd {
  request: AddRequest
  /** As a call of its own. */
  leave: () => Promise<string[]>
  resolve: (ids: string[] | Promise<string[]>) => void
  reject: (error: unknown) => void
}

/** More take long enough for two calls to be worth it. */
const MOST_CLAIMED = 100

/**
 * Plain jobs, and the claim of an idle consumer of this process, in one call: of what an add and an exchange do two thirds
 * have to do with what else may be there. Where anything is, both are called, one behind the other; by their numbers
 * they know what this call has done.
 * @param waiting by queue, of all stores of an engine
 */
export function claimedAdds(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
  waiting: Map<string, WaitingAdd>,
  { add, exchange }: Pick<QueueStore, 'add' | 'exchange'>,
): Pick<QueueStore, 'add' | 'exchange'> {
  async function addClaimed(one: WaitingAdd, request: ExchangeRequest): Promise<ExchangeAnswer> {
    const { queue, jobs, producer, sequence: added, lastAdded = 0 } = one.request
    const { epoch, sequence, heldCount, leaseMs } = request
    const known = keysOf(queue)
    const bodies = jobs.map((job) => ({ body: packNewJob(job) }))
    const { meta, ready, tail, suspects, buckets, leases } = known
    const keys = {
      meta,
      ready,
      tail,
      suspects,
      buckets,
      leases,
      inflight: known.inflight(epoch),
      last: known.last(epoch),
      producer: known.producer(producer),
    }
    const args = { added, lastAdded, epoch, sequence, heldCount, leaseUs: toUs(leaseMs), bodies }
    const calling = engine.call(scripts.addClaimed, keys, args)
    let answer: Awaited<typeof calling>
    try {
      answer = await calling
    } catch (error) {
      one.reject(error)
      return exchange(request)
    }
    if (answer.tag === 'long') {
      one.resolve(
        one.leave().catch((error: unknown) => {
          throw asUnknown(error, answer.mayHaveRun)
        }),
      )
      return exchange(request)
    }
    const { firstId, fence, nextDueUs, watch, due, sentAtMs } = answer
    const ids = jobs.map((_, index) => String(firstId + index))
    one.resolve(ids)
    if (due >= 0) known.dueName = bucketName(due)
    return {
      tag: 'ok',
      jobs: jobs.map(({ maxAttempts, payload }, index) => {
        const id = ids[index] ?? ''
        return { id, attempt: 0, maxAttempts, crashes: 0, payload, name: null }
      }),
      fence,
      staleIds: [],
      nextDueMs: nextDueUs < 0 ? null : nextDueUs / 1000,
      more: false,
      watch: watch === 1,
      sentAtMs,
    }
  }

  return {
    add(request) {
      const { queue, isClaimedNext = false } = request
      if (!isClaimedNext || !isPlain(request) || eventsKept > 0 || waiting.has(queue))
        return add(request)
      return new Promise((resolve, reject) => {
        const one = { request, leave: () => add(request), resolve, reject }
        waiting.set(queue, one)
        void endOfTurn().then(() => {
          if (waiting.get(queue) !== one) return
          waiting.delete(queue)
          resolve(one.leave())
        })
      })
    },

    exchange(request) {
      const one = waiting.size > 0 ? waiting.get(request.queue) : undefined
      if (!one) return exchange(request)
      waiting.delete(request.queue)
      if (eventsKept === 0 && onlyClaims(request, one.request.jobs.length))
        return addClaimed(one, request)
      one.resolve(one.leave())
      return exchange(request)
    },
  }
}

/** Nothing has to be known of the queue but that nothing waits. */
const isPlain = ({ jobs, maxLength = 0, maxBytes = 0 }: AddRequest) =>
  jobs.length <= MOST_CLAIMED &&
  maxLength + maxBytes === 0 &&
  jobs.every((job) => job.delayMs === 0 && job.dueAtMs === undefined && !hasFlags(job))

const onlyClaims = ({ want, acks, retries, deaths }: ExchangeRequest, count: number) =>
  want >= count && acks.length + retries.length + deaths.length === 0
