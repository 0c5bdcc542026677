import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { SettingsMismatchError, StoreCorruptError } from '../../errors.ts'
import { type News, redisNews } from '../../gate/redis/news.ts'
import { unpackReason } from '../dead-reason.ts'
import type { EventStore } from '../event-store.ts'
import type { Retention, RetentionStore } from '../retention.ts'
import type { DeadJob, QueueCounts, QueueStore, StoredJob } from '../store.ts'
import { redisAdding } from './adding.ts'
import { unpackJob } from './body.ts'
import { claimedAdds, type WaitingAdd } from './claimed-adds.ts'
import { redisConfirming } from './confirming.ts'
import { redisEventStore } from './event-store.ts'
import { redisExchange } from './exchanging.ts'
import { bucketName, type QueueKeys, queueKeys } from './keys.ts'
import { redisListing } from './listing.ts'
import { redisParkingStore } from './parking-store.ts'
import { spreadPartitions } from './partitions.ts'
import { redisRecordStore } from './record-store.ts'
import { redisRemoval } from './removal.ts'
import { retainedArgs } from './retained.ts'
import { redisScheduleStore } from './schedule-store.ts'
import * as scripts from './scripts.gen.ts'
import { keyedRedrive, redisStrandStore } from './strand-store.ts'
import { redisWithin } from './within.ts'

/** Queues that hold nothing any more keep their counters, and are not listed. */
const MOST_LOOKED_AT = 10_000
const LIST_STEP = 200
/** Each look but the first finds only workers that came meanwhile. */
const MOST_LOOKS = 10

/** A quarter less of the client's CPU for a job than with 100. The server takes 1.5 ms for such a call. */
const MOST_AHEAD = 400

/** Queues on Redis. The keys are described in the `.lua` files beside this one. */
export function redisQueueStore(engine: RedisEngine): QueueStore {
  const keysOf = queueKeys(engine.keys)
  const recordNews = redisNews(engine, 'record')
  const eventNews = redisNews(engine, 'events')
  const waiting = new Map<string, WaitingAdd>()
  const storeKeeping = (eventsKept: number, retention: Retention | null): QueueStore => ({
    ...storeOn(engine, keysOf, recordNews, waiting, eventsKept, retention),
    ...redisEventStore(engine, keysOf, eventNews),
    keepingEvents: (keep) => storeKeeping(keep, retention),
    retaining: (one) => storeKeeping(eventsKept, one),
  })
  return storeKeeping(0, null)
}

function storeOn(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  recordNews: News,
  waiting: Map<string, WaitingAdd>,
  eventsKept: number,
  retention: Retention | null,
): Omit<QueueStore, keyof EventStore | keyof RetentionStore> {
  const retained = retainedArgs(retention)
  const scheduleStore = redisScheduleStore(engine, keysOf, eventsKept)

  function unpack(queue: string, body: string): StoredJob {
    const job = unpackJob(body)
    if (job) return job
    const { ready } = keysOf(queue)
    throw new StoreCorruptError(ready, `${ready} holds an entry that sluice did not write.`)
  }

  function unpackLetter(queue: string, letter: string): DeadJob {
    const { reason, body } = splitLetter(letter)
    return {
      ...unpack(queue, body),
      ...unpackReason(reason),
      diedAtMs: Number(letter.slice(0, 16)) / 1000,
    }
  }

  /** In one call, so that nothing is missed that moves from one place to another meanwhile. */
  async function countsOf(queue: string, looks = 1): Promise<QueueCounts> {
    const known = keysOf(queue)
    const { meta, tail, suspects, leases, scheduled, epochs } = known
    const inflight = epochs.map((epoch) => known.inflight(epoch))
    const answer = await engine.call(
      scripts.counts,
      { keys: [meta, known.ready, tail, suspects, leases, known.dead, scheduled, ...inflight] },
      { epochs: epochs.map((epoch) => ({ epoch })) },
    )
    if (answer.holding.length > 0 && looks < MOST_LOOKS) {
      known.epochs = answer.holding
      return countsOf(queue, looks + 1)
    }
    const { ready, timed, inFlight, dead, parked, paused } = answer
    return {
      ...{ ready, timed, inFlight, dead },
      ...(parked > 0 ? { parked } : {}),
      ...(paused === 1 ? { paused: true } : {}),
    }
  }

  async function setPaused(queue: string, isPaused: boolean): Promise<void> {
    await engine.call(scripts.pause, keysOf(queue), { isPaused: isPaused ? 1 : 0, eventsKept })
  }

  const listing = redisListing(engine, keysOf, { job: unpack, letter: unpackLetter })
  const redriveKeyed = keyedRedrive(engine, keysOf, eventsKept)
  const adding = redisAdding(engine, keysOf, eventsKept)
  const exchange = redisExchange(engine, keysOf, unpack, eventsKept, retained)

  return {
    ...redisRecordStore(engine, keysOf, recordNews, eventsKept, retained),
    ...redisStrandStore(engine, keysOf, eventsKept, retained),
    ...redisParkingStore(engine, keysOf, unpack, eventsKept),
    ...scheduleStore,
    mostAhead: MOST_AHEAD,

    ...adding,
    ...claimedAdds(engine, keysOf, eventsKept, waiting, { ...adding, exchange }),
    ...redisWithin(engine, keysOf, eventsKept),
    ...redisConfirming(engine, keysOf),

    async renew(queue, epoch, leaseMs) {
      const { leases } = keysOf(queue)
      const answer = await engine.call(scripts.renew, { leases }, { epoch, leaseUs: toUs(leaseMs) })
      return answer.tag === 'renewed'
    },

    async agreePartitions(queue, said) {
      const { meta } = keysOf(queue)
      const { count } = await engine.call(scripts.agreePartitions, { meta }, { count: said ?? 0 })
      if (said !== null && count !== said) {
        throw new SettingsMismatchError('Queue', queue, count, said)
      }
      return spreadPartitions(queue, count)
    },

    counts: countsOf,

    async listDead(queue, limit) {
      const { dead } = keysOf(queue)
      const { letters } = await engine.call(scripts.dead, { dead }, { limit })
      return letters.map((letter) => unpackLetter(queue, letter))
    },

    async redrive(queue, limit) {
      const known = keysOf(queue)
      const { tailNumber, rankFillingName } = known
      const answer = await engine.call(
        scripts.redrive,
        {
          ...known,
          tailSegment: known.segment(tailNumber),
          rankFilling: known.ranked(rankFillingName),
        },
        { tailNumber, rankFillingName, limit, eventsKept },
      )
      known.tailNumber = answer.tailNumber
      known.rankFillingName = bucketName(answer.rankFilling)
      if (answer.keyed.length === 0) return answer.count
      return redriveKeyed(
        queue,
        answer.keyed.map((letter) => ({ key: unpackLetter(queue, letter).key ?? '', letter })),
      )
    },

    async purge(queue, limit) {
      const { dead } = keysOf(queue)
      return (await engine.call(scripts.purge, { dead }, { limit })).count
    },

    ...listing,
    ...redisRemoval(
      engine,
      keysOf,
      countsOf,
      scheduleStore.removeSchedule,
      listing.listJobs,
      eventsKept,
    ),

    pause: (queue) => setPaused(queue, true),
    resume: (queue) => setPaused(queue, false),

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

const holdsAnything = (counts: QueueCounts | undefined) =>
  counts !== undefined &&
  (counts.paused === true ||
    counts.ready + counts.timed + counts.inFlight + counts.dead + (counts.parked ?? 0) > 0)

/** A dead letter is its time, the length of its reason in bytes, the reason and the body. */
function splitLetter(letter: string): { reason: string; body: string } {
  const bytes = Buffer.from(letter, 'utf8')
  const end = 20 + Number(letter.slice(16, 20))
  return { reason: bytes.toString('utf8', 20, end), body: bytes.toString('utf8', end) }
}
