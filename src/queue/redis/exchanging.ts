import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { packReason } from '../dead-reason.ts'
import { noteText } from '../history.ts'
import type { ExchangeAnswer, ExchangeRequest, QueueStore, StoredJob } from '../store.ts'
import { ID_LENGTH, packDead } from './body.ts'
import { bucketName, type QueueKeys } from './keys.ts'
import { crashNote } from './record-store.ts'
import type { RetainedArgs } from './retained.ts'
import * as scripts from './scripts.gen.ts'

/** The delay of what failed and stays in flight, for scripts. */
const STAYS = -1

/** What a consumer says and asks in one call. */
export function redisExchange(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  unpack: (queue: string, body: string) => StoredJob,
  eventsKept: number,
  retained: RetainedArgs,
): QueueStore['exchange'] {
  async function recover(epoch: string, request: ExchangeRequest): Promise<void> {
    const known = keysOf(request.queue)
    const keys = { ...known, inflight: known.inflight(epoch) }
    const { maxCrashes, keptFailures } = request
    const args = { epoch, maxCrashes, eventsKept, note: crashNote(keptFailures) }
    await engine.call(scripts.recover, keys, args).catch(() => {})
  }

  return async (request) => {
    const { queue, acks } = request
    const known = keysOf(queue)
    // What is no id belongs to nobody, and would move the others out of their places.
    const strangeIds = acks.filter((id) => id.length !== ID_LENGTH)
    const ids = strangeIds.length === 0 ? acks : acks.filter((id) => id.length === ID_LENGTH)
    const args = exchangeArgs(known, request, ids, eventsKept, retained)
    const answer = await engine.call(scripts.exchange, exchangeKeys(known, request.epoch), args)
    if (answer.tag === 'lost') return answer
    known.headNumber = answer.headNumber
    known.tailNumber = answer.tailNumber
    known.fillingName = bucketName(answer.filling)
    known.dueName = answer.dueName || known.fillingName
    known.rankFillingName = bucketName(answer.rankFilling)
    known.rankFirstName = answer.rankFirstName || known.rankFillingName
    if (answer.expired !== '') await recover(answer.expired, request)
    const taken: ExchangeAnswer = {
      tag: 'ok',
      jobs: answer.bodies.map((body) => unpack(queue, body)),
      fence: answer.fence,
      staleIds: [...strangeIds, ...answer.stale],
      nextDueMs: answer.nextDueUs === null ? null : answer.nextDueUs / 1000,
      more: answer.more === 1,
      watch: answer.watch === 1,
      sentAtMs: answer.sentAtMs,
    }
    if (answer.gates.length > 0) taken.gates = answer.gates
    return taken
  }
}

/** Spread, the keys and what is said cost a call as much as all the rest. */
const exchangeKeys = (known: QueueKeys, epoch: string) => ({
  meta: known.meta,
  ready: known.ready,
  tail: known.tail,
  headSegment: known.segment(known.headNumber),
  tailSegment: known.segment(known.tailNumber),
  suspects: known.suspects,
  buckets: known.buckets,
  due: known.timed(known.dueName),
  filling: known.timed(known.fillingName),
  ranks: known.ranks,
  rankFirst: known.ranked(known.rankFirstName),
  rankFilling: known.ranked(known.rankFillingName),
  leases: known.leases,
  inflight: known.inflight(epoch),
  last: known.last(epoch),
  wake: known.wake,
  dead: known.dead,
  done: known.done,
  events: known.events,
  watchers: known.watchers,
})

const exchangeArgs = (
  known: QueueKeys,
  request: ExchangeRequest,
  ids: string[],
  eventsKept: number,
  { retainCount, retainUs }: RetainedArgs,
) => ({
  headNumber: known.headNumber,
  tailNumber: known.tailNumber,
  dueName: known.dueName,
  fillingName: known.fillingName,
  rankFirstName: known.rankFirstName,
  rankFillingName: known.rankFillingName,
  epoch: request.epoch,
  sequence: request.sequence,
  leaseUs: toUs(request.leaseMs),
  heldCount: request.heldCount,
  want: request.want,
  eventsKept,
  retainCount,
  retainUs,
  quiet: eventsKept === 0 ? '' : (request.quietIds ?? []).join(' '),
  acks: ids.join(''),
  retries: request.retries.map((retry) => ({
    id: retry.id,
    delayUs: retry.stays ? STAYS : toUs(retry.delayMs),
    failed: retry.note && retry.failed ? noteText(retry.note) : retry.failed ? '1' : '0',
  })),
  deaths: request.deaths.map(({ id, reason, name, payload, history, note }) => ({
    id,
    reason: packReason(reason, name),
    payload: payload === undefined ? '' : packDead(payload, history),
    note: note ? noteText(note) : '',
  })),
})
