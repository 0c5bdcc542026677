import type { RedisEngine } from '../../engine/redis/engine.ts'
import type { Obliteration } from '../removal-store.ts'
import type { QueueStore, StoredJob } from '../store.ts'
import { unpackJob } from './body.ts'
import { bucketName, type GateKeys, isOfLooks, type QueueKeys } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** How many calls may be needed until this client knows where the jobs are. */
const MOST_LOOKS = 4
/** Records that one call removes. */
const MOST_FORGOTTEN = 100

/** Gates at which one call takes jobs away. */
const GATES_IN_A_CALL = 100
/** Each but the last found gates without jobs only, and they are gone then. */
const MOST_GATE_LOOKS = 100

/** Tickets of keys in flight that one call looks at. */
const MOST_KEYED = 500

/** A ticket of a key, and its body where it stands in line. */
interface KeyedTicket {
  job: StoredJob | null
  body: string
}

export function redisRemoval(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  counts: QueueStore['counts'],
  removeSchedule: (queue: string, name: string) => Promise<boolean>,
  listJobs: QueueStore['listJobs'],
  eventsKept: number,
): Pick<QueueStore, 'drain' | 'obliterate'> {
  const read = async (command: string, ...args: string[]) =>
    [await engine.command(command, ...args)].flat(2).map(String)

  /** Where this fails, those records stay, and their ids are taken. */
  async function forget(known: QueueKeys, bodies: string[]): Promise<void> {
    const tickets = bodies.flatMap((body) => unpackJob(body) ?? [])
    if (tickets.length === 0) return
    const keys = tickets.flatMap(({ name }) => [known.record(name ?? ''), known.log(name ?? '')])
    const numbers = tickets.map(({ id }) => ({ number: id }))
    await engine.call(scripts.forgetRecords, { keys: [known.meta, ...keys] }, { tickets: numbers })
  }

  /** What waits behind a job that runs is reached by its ticket. */
  async function inFlightTickets(queue: string): Promise<KeyedTicket[]> {
    const { jobs } = await listJobs(queue, { state: 'inFlight', limit: MOST_KEYED, cursor: null })
    return jobs.filter(({ key }) => key !== undefined).map((job) => ({ job, body: '' }))
  }

  async function drainStrands(
    known: QueueKeys,
    keyed: KeyedTicket[],
    limit: number,
    eventsKept: number,
  ) {
    if (keyed.length === 0 || limit === 0) return 0
    const { meta, ready, tail, events, watchers } = known
    const strands = keyed.map(({ job }) => known.strand(job?.key ?? ''))
    const tickets = keyed.map(({ job, body }) => ({ number: job?.id ?? '', body }))
    const keys = { keys: [meta, ready, tail, events, watchers, ...strands] }
    return (await engine.call(scripts.drainStrands, keys, { limit, eventsKept, tickets })).count
  }

  /** Some gates, those without jobs as well. */
  async function someGates(known: QueueKeys): Promise<GateKeys[]> {
    const gates: GateKeys[] = []
    const buckets = await read('ZRANGE', known.buckets, '0', '-1')
    for (const bucket of buckets.filter(isOfLooks)) {
      if (gates.length >= GATES_IN_A_CALL) break
      const names = await read('ZRANGE', known.timed(bucket), '0', String(GATES_IN_A_CALL - 1))
      gates.push(...names.map((name) => known.gate(name)))
    }
    return gates.slice(0, GATES_IN_A_CALL)
  }

  /** One call removes what it can of one bucket of each gate. */
  async function drainParked(queue: string, limit: number, eventsKept: number): Promise<number> {
    const known = keysOf(queue)
    const { meta, ready, tail, buckets, events, watchers } = known
    for (let look = 0; look < MOST_GATE_LOOKS; look++) {
      const gates = await someGates(known)
      if (gates.length === 0) return 0
      const heads = await Promise.all(gates.map(({ heads }) => read('ZRANGE', heads, '0', '0')))
      const firsts = heads.map(([head = '']) => head.slice(32, 40))
      const ofGates = gates.flatMap(({ gate, heads, turns, looks, bucket }, index) => [
        ...[gate, heads, turns, looks, bucket(firsts[index] || bucketName(0))],
      ])
      const answer = await engine.call(
        scripts.drainParked,
        { keys: [meta, ready, tail, buckets, events, watchers, ...ofGates] },
        {
          ...{ limit, eventsKept },
          gates: gates.map(({ name, looksName }, index) => ({
            ...{ name, looksName, bucketName: firsts[index] ?? '' },
          })),
        },
      )
      await forget(known, answer.tickets)
      const keyed = answer.keyed.map((body) => ({ job: unpackJob(body), body }))
      const left = limit - answer.count
      const count = answer.count + (await drainStrands(known, keyed, left, eventsKept))
      if (count > 0) return count
    }
    return 0
  }

  async function drain(queue: string, limit: number, takesSchedules: 0 | 1): Promise<number> {
    const known = keysOf(queue)
    // What obliterates tells so, and not of each job.
    const told = takesSchedules ? 0 : eventsKept
    for (let look = 0; look < MOST_LOOKS; look++) {
      const { headNumber, dueName, rankFirstName } = known
      const answer = await engine.call(
        scripts.drain,
        {
          ...known,
          headSegment: known.segment(headNumber),
          due: known.timed(dueName),
          rankFirst: known.ranked(rankFirstName),
        },
        { headNumber, dueName, rankFirstName, limit, takesSchedules, eventsKept: told },
      )
      await forget(known, answer.tickets)
      const left = limit - answer.count
      const behind = answer.stranded === 0 ? [] : await inFlightTickets(queue)
      const keyed = answer.keyed.map((body) => ({ job: unpackJob(body), body }))
      const strands = [...keyed, ...behind]
      const inLine = answer.count + (await drainStrands(known, strands, left, told))
      const hasGates = answer.parked > 0 || takesSchedules === 1
      const parked = hasGates && inLine < limit ? await drainParked(queue, limit - inLine, told) : 0
      const count = inLine + parked
      known.headNumber = answer.headNumber
      known.dueName = answer.dueName || known.fillingName
      known.rankFirstName = answer.rankFirstName || known.rankFillingName
      if (count > 0 || answer.left === 0) return count
    }
    return 0
  }

  async function dropSchedules(queue: string, limit: number): Promise<void> {
    const { schedules } = keysOf(queue)
    const names = await read('ZRANGE', schedules, '0', String(limit - 1))
    await Promise.all(names.map((name) => removeSchedule(queue, name)))
  }

  return {
    drain: (queue, limit) => drain(queue, limit, 0),

    async obliterate(queue, { epoch, force, limit }): Promise<Obliteration> {
      const keys = keysOf(queue)
      const answer = await engine.call(
        scripts.obliterate,
        { ...keys, inflight: keys.inflight(epoch) },
        { epoch, isForced: force ? 1 : 0, limit, eventsKept },
      )
      if (answer.tag === 'busy') {
        return { tag: 'busy', inFlight: (await counts(queue)).inFlight }
      }
      for (let start = 0; start < answer.tickets.length; start += MOST_FORGOTTEN) {
        await forget(keys, answer.tickets.slice(start, start + MOST_FORGOTTEN))
      }
      if (answer.tag === 'gone') return { tag: 'gone', count: answer.count }
      if (answer.scheduleCount > 0) await dropSchedules(queue, limit)
      const drained = answer.waiting > 0 ? await drain(queue, limit, 1) : 0
      return { tag: 'step', count: answer.count + drained, epoch: answer.epoch }
    },
  }
}
