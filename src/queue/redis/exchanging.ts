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
    const { queue, epoch, acks, retries, deaths } = request
    const known = keysOf(queue)
    const { headNumber, tailNumber, dueName, fillingName, rankFirstName, rankFillingName } = known
    // What is no id belongs to nobody, and would move the others out of their places.
    const strangeIds = acks.filter((id) => id.length !== ID_LENGTH)
    const answer = await engine.call(
      scripts.exchange,
      {
        ...known,
        inflight: known.inflight(epoch),
        last: known.last(epoch),
        headSegment: known.segment(headNumber),
        tailSegment: known.segment(tailNumber),
        due: known.timed(dueName),
        filling: known.timed(fillingName),
        rankFirst: known.ranked(rankFirstName),
        rankFilling: known.ranked(rankFillingName),
      },
      {
        ...request,
        ...{ headNumber, tailNumber, dueName, fillingName, rankFirstName, rankFillingName },
        leaseUs: toUs(request.leaseMs),
        eventsKept,
        retainCount: retained.retainCount,
        retainUs: retained.retainUs,
        quiet: eventsKept === 0 ? '' : (request.quietIds ?? []).join(' '),
        acks: (strangeIds.length === 0 ? acks : acks.filter((id) => id.length === ID_LENGTH)).join(
          '',
        ),
        retries: retries.map((retry) => ({
          id: retry.id,
          delayUs: retry.stays ? STAYS : toUs(retry.delayMs),
          failed: retry.note && retry.failed ? noteText(retry.note) : retry.failed ? '1' : '0',
        })),
        deaths: deaths.map(({ id, reason, name, payload, history, note }) => ({
          ...{ id, reason: packReason(reason, name), note: note ? noteText(note) : '' },
          payload: payload === undefined ? '' : packDead(payload, history),
        })),
      },
    )
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
