import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import type { DeadJob, NewJob, QueueCounts, QueueStore, StoredJob } from '../store.ts'
import { packNewJob, unpackJob } from './body.ts'
import * as scripts from './scripts.gen.ts'

/** Queues that hold nothing any more keep their counters, and are not listed. */
const MOST_LOOKED_AT = 10_000
const LIST_STEP = 200

/** Queues on Redis. The keys are described in the `.lua` files beside this one. */
export function redisQueueStore(engine: RedisEngine): QueueStore {
  const keysOf = (queue: string) => {
    const key = (part: string) => engine.keys.key('queue', queue, part)
    return {
      meta: key('meta'),
      ready: key('ready'),
      suspects: key('suspects'),
      timers: key('timers'),
      leases: key('leases'),
      wake: key('wake'),
      dead: key('dead'),
      inflight: (epoch: string) => key(`inflight:${epoch}`),
      last: (epoch: string) => key(`last:${epoch}`),
      producer: (producer: string) => key(`producer:${producer}`),
    }
  }

  function unpack(queue: string, body: string): StoredJob {
    const job = unpackJob(body)
    if (job) return job
    const { ready } = keysOf(queue)
    throw new StoreCorruptError(ready, `${ready} holds an entry that sluice did not write.`)
  }

  async function inFlightCount(queue: string, epoch: string): Promise<number> {
    const key = keysOf(queue).inflight(epoch)
    const [fields, suspects] = await Promise.all([
      engine.command('HLEN', key),
      engine.command('HEXISTS', key, 'suspect'),
    ])
    return Number(fields) - Number(suspects)
  }

  async function countsOf(queue: string): Promise<QueueCounts> {
    const { ready, suspects, timers, leases, dead } = keysOf(queue)
    const keys = { ready, suspects, timers, leases, dead }
    const answer = await engine.call(scripts.counts, keys, {})
    const held = await Promise.all(answer.epochs.map((epoch) => inFlightCount(queue, epoch)))
    return {
      ready: answer.ready,
      timed: answer.timed,
      inFlight: held.reduce((sum, count) => sum + count, 0),
      dead: answer.dead,
    }
  }

  return {
    async add({ queue, producer, sequence, jobs }) {
      const { meta, ready, timers, wake, producer: producerKey } = keysOf(queue)
      const answer = await engine.call(
        scripts.add,
        { meta, ready, timers, wake, producer: producerKey(producer) },
        {
          sequence,
          jobs: jobs.map((job) => ({ due: dueText(job), body: packNewJob(job) })),
        },
      )
      if (answer.tag === 'stale') return []
      return jobs.map((_, index) => String(answer.firstId + index))
    },

    async exchange(request) {
      const { queue, epoch, sequence, heldCount, want, acks, retries, deaths } = request
      const { inflight, last, producer, ...keys } = keysOf(queue)
      const answer = await engine.call(
        scripts.exchange,
        { ...keys, inflight: inflight(epoch), last: last(epoch) },
        {
          epoch,
          sequence,
          leaseUs: toUs(request.leaseMs),
          heldCount,
          want,
          acks: acks.map((id) => ({ id })),
          retries: retries.map((retry) => ({
            id: retry.id,
            delayUs: toUs(retry.delayMs),
            failed: retry.failed ? 1 : 0,
          })),
          deaths,
        },
      )
      if (answer.tag === 'lost') return answer
      if (answer.expired !== '') {
        const { expired } = answer
        const { leases, suspects, dead, wake } = keys
        const recoverKeys = { leases, inflight: inflight(expired), suspects, dead, wake }
        const { maxCrashes } = request
        await engine
          .call(scripts.recover, recoverKeys, { epoch: expired, maxCrashes })
          .catch(() => {})
      }
      return {
        tag: 'ok',
        jobs: answer.bodies.map((body) => unpack(queue, body)),
        fence: answer.fence,
        staleIds: answer.stale,
        nextDueMs: answer.nextDueUs === null ? null : answer.nextDueUs / 1000,
        watch: answer.watch === 1,
        sentAtMs: answer.sentAtMs,
      }
    },

    counts: countsOf,

    async listDead(queue, limit) {
      const { dead } = keysOf(queue)
      const { letters } = await engine.call(scripts.dead, { dead }, { limit })
      return letters.map((letter): DeadJob => {
        const { reason, body } = splitLetter(letter)
        return { ...unpack(queue, body), reason, diedAtMs: Number(letter.slice(0, 16)) / 1000 }
      })
    },

    async list(limit) {
      const keys = await engine.scan(engine.keys.pattern('queue', 'meta'), MOST_LOOKED_AT)
      const names = keys
        .map((key) => engine.keys.nameOf('queue', key))
        .filter((name) => name !== null)
      const found: string[] = []
      for (let start = 0; start < names.length && found.length < limit; start += LIST_STEP) {
        const step = names.slice(start, start + LIST_STEP)
        const counts = await Promise.all(step.map((name) => countsOf(name)))
        found.push(...step.filter((_, index) => holdsAnything(counts[index])))
      }
      return found.slice(0, limit)
    },

    onWake: (queue, listener) => engine.tokens.on(keysOf(queue).wake, listener),

    async passWake(queue) {
      await engine.command('ZADD', keysOf(queue).wake, '0', 'wake')
    },
  }
}

/** When a job is due, as the add script reads it. */
function dueText({ delayMs, dueAtMs }: NewJob): string {
  if (dueAtMs !== undefined) return `@${toUs(dueAtMs)}`
  return delayMs === 0 ? '' : `+${toUs(delayMs)}`
}

const holdsAnything = (counts: QueueCounts | undefined) =>
  counts !== undefined && counts.ready + counts.timed + counts.inFlight + counts.dead > 0

const toUs = (ms: number) => Math.round(ms * 1000)

/** A dead letter is its time, the length of its reason in bytes, the reason and the body. */
function splitLetter(letter: string): { reason: string; body: string } {
  const bytes = Buffer.from(letter, 'utf8')
  const end = 20 + Number(letter.slice(16, 20))
  return { reason: bytes.toString('utf8', 20, end), body: bytes.toString('utf8', end) }
}
