import type { RedisEngine } from '../../engine/redis/engine.ts'
import type {
  ListedJob,
  ListedState,
  ListingStore,
  ListPage,
  ListRequest,
} from '../listing-store.ts'
import type { DeadJob, StoredJob } from '../store.ts'
import { splitHistory } from './body.ts'
import { isOfLooks, type QueueKeys } from './keys.ts'
import { gatesOf, parkedPage } from './listing-gates.ts'
import { readRetained } from './retained.ts'
import * as scripts from './scripts.gen.ts'

/** A key that has jobs of one state. Its name orders it among the others, and is in cursors. */
interface Place {
  name: string
  key: string
  kind: 'list' | 'zset' | 'hash' | 'letters'
}

/** What is in a few keys that are known, one after the other. */
type InPlaces = Exclude<ListedState, 'done' | 'parked'>

/** Bodies with what else their place tells of them. */
interface Found {
  body: string
  score?: number
}

/** Jobs by state: page by page, from one key after the other. Reads only. */
export function redisListing(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  read: {
    job(queue: string, body: string): StoredJob
    letter(queue: string, text: string): DeadJob
  },
): ListingStore {
  /** Their places in the list move as it is trimmed; their numbers do not. */
  async function donePage(queue: string, { limit, cursor }: ListRequest): Promise<ListPage> {
    const { done } = keysOf(queue)
    const after = Number(/@(\d+)$/.exec(cursor ?? '')?.[1] ?? 0)
    const answer = await engine.call(scripts.listDone, { done }, { after, limit })
    const jobs = answer.entries.map((entry) =>
      readRetained(done, entry, (body) => read.job(queue, body)),
    )
    return { jobs, cursor: answer.next === 0 ? null : `@${answer.next}` }
  }

  const ask = async (command: string, ...args: string[]) =>
    [await engine.command(command, ...args)].flat(2).map(String)

  async function bucketsIn(heads: string, place: (bucket: string) => Place): Promise<Place[]> {
    return (await ask('ZRANGE', heads, '0', '-1')).map(place)
  }

  /** The line in its order: what is `ready` was the segment before the first. */
  async function lineOf(keys: QueueKeys): Promise<Place[]> {
    const [first = 0, next = 0] = (
      await ask('HMGET', keys.meta, 'first_segment', 'next_segment')
    ).map(Number)
    const key = (number: number) =>
      number < first ? keys.ready : number < next ? keys.segment(number) : keys.tail
    return Array.from({ length: next - first + 2 }, (_, index): Place => {
      const number = first - 1 + index
      return {
        name: `line:${String(number + 1).padStart(12, '0')}`,
        key: key(number),
        kind: 'list',
      }
    })
  }

  async function placesOf(keys: QueueKeys, state: InPlaces): Promise<Place[]> {
    if (state === 'dead') return [{ name: 'dead', key: keys.dead, kind: 'letters' }]
    if (state === 'timed') {
      const timed = (name: string): Place => ({ name, key: keys.timed(name), kind: 'zset' })
      return (await bucketsIn(keys.buckets, timed)).filter(({ name }) => !isOfLooks(name))
    }
    if (state === 'inFlight') {
      const inFlight = (name: string): Place => ({ name, key: keys.inflight(name), kind: 'hash' })
      return bucketsIn(keys.leases, inFlight)
    }
    const ranked = (bucket: string): Place => ({
      ...{ name: `ranked:${bucket}`, key: keys.ranked(bucket), kind: 'zset' },
    })
    return [
      ...(await lineOf(keys)),
      ...(await bucketsIn(keys.ranks, ranked)),
      { name: 'suspects', key: keys.suspects, kind: 'list' },
    ]
  }

  async function readPlace({ key, kind }: Place, from: number, count: number): Promise<Found[]> {
    const [start, end] = [String(from), String(from + count - 1)]
    if (kind === 'hash') {
      // The suspect's field has an id, and no body.
      const bodies = (await ask('HVALS', key)).filter((body) => body.length > 16).sort()
      return bodies.slice(from, from + count).map((body) => ({ body }))
    }
    if (kind !== 'zset') return (await ask('LRANGE', key, start, end)).map((body) => ({ body }))
    const pairs = await ask('ZRANGE', key, start, end, 'WITHSCORES')
    return pairs.flatMap((body, index) =>
      index % 2 === 0 ? [{ body, score: Number(pairs[index + 1]) }] : [],
    )
  }

  /** What its ticket stands for: the first job of the key, and how many wait behind it. */
  async function withFirst(keys: QueueKeys, job: ListedJob): Promise<ListedJob> {
    if (job.key === undefined || job.reason !== undefined || job.doneAtMs !== undefined) return job
    const strand = keys.strand(job.key)
    const [[entry = ''], [length]] = await Promise.all([
      ask('LINDEX', strand, '0'),
      ask('LLEN', strand),
    ])
    if (entry.slice(48, 64) !== job.id) return job
    const text = entry.slice(76)
    const payload = entry[73] === '1' ? text : splitHistory(text)[1]
    return { ...job, payload, behind: Number(length) - 1 }
  }

  return {
    async listJobs(queue, request): Promise<ListPage> {
      const page = await pageOf(queue, request)
      const jobs = await Promise.all(page.jobs.map((job) => withFirst(keysOf(queue), job)))
      return { ...page, jobs }
    },
    listGates: (queue, request) => gatesOf(ask, keysOf(queue), request),
  }

  async function pageOf(queue: string, request: ListRequest): Promise<ListPage> {
    const { state, limit, cursor } = request
    if (state === 'done') return donePage(queue, request)
    const keys = keysOf(queue)
    if (state === 'parked') return parkedPage(ask, keys, request, (body) => read.job(queue, body))
    const byName = (a: Place, b: Place) => (a.name < b.name ? -1 : 1)
    const places = (await placesOf(keys, state)).sort(byName)
    const [, name = '', at = '0'] = /^(.*)@(\d+)$/.exec(cursor ?? '') ?? []
    const page: ListPage = { jobs: [], cursor: null }
    for (const place of places.filter((one) => one.name >= name)) {
      const from = place.name === name ? Number(at) : 0
      const found = await readPlace(place, from, limit - page.jobs.length)
      for (const { body, score } of found) {
        if (state === 'dead') page.jobs.push(read.letter(queue, body))
        else if (state === 'timed')
          page.jobs.push({ ...read.job(queue, body), dueAtMs: (score ?? 0) / 1000 })
        else page.jobs.push(read.job(queue, body))
      }
      if (page.jobs.length < limit) continue
      return { ...page, cursor: `${place.name}@${from + found.length}` }
    }
    return page
  }
}
