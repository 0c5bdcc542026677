import { toUs } from '../../duration.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import type { GateAnswer, GateView, Parked, ParkingStore, UnparkRequest } from '../parking-store.ts'
import type { StoredJob } from '../store.ts'
import { bucketName, type GateKeys, type QueueKeys } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** Buckets that one call looks through for a job. */
const BUCKETS_IN_A_CALL = 25
/** Where a job stands is counted so far. */
const MOST_BEFORE = 10_000

/** A gate in a call that may name it several times. */
interface Wanted {
  gate: GateKeys
  count: number
}

/** Jobs that wait for gates, on Redis. Their keys are described in `parked.lua` and `looks.lua`. */
export function redisParkingStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  unpack: (queue: string, body: string) => StoredJob,
  eventsKept: number,
): ParkingStore {
  function placesOf(queue: string, gates: string[]) {
    const { gate } = keysOf(queue)
    const places = gates.map((name) => gate(name))
    return {
      keys: places.flatMap((place) => [place.gate, place.heads, place.turns, place.looks]),
      gates: places.map(({ name, looksName }) => ({ name, looksName })),
    }
  }

  /** A caller whose guess is old is told where they are, and calls again. */
  async function claim(
    { queue, epoch, sequence, leaseMs, heldCount }: UnparkRequest,
    wanted: Wanted[],
  ) {
    const known = keysOf(queue)
    const { meta, leases, dead, events, watchers } = known
    const ofQueue = [meta, known.inflight(epoch), leases, dead, known.unparked(epoch)]
    for (;;) {
      const ofGates = wanted.flatMap(({ gate }) => [
        ...[gate.gate, gate.heads],
        ...namesIn(gate.firstNames).map((name) => gate.bucket(name)),
      ])
      const answer = await engine.call(
        scripts.unpark,
        { keys: [...ofQueue, events, watchers, ...ofGates] },
        {
          ...{ epoch, sequence, leaseUs: toUs(leaseMs), heldCount, eventsKept },
          gates: wanted.map(({ gate, count }) => ({
            wanted: count,
            bucketNames: gate.firstNames,
          })),
        },
      )
      if (answer.tag !== 'ok' && answer.tag !== 'elsewhere') return answer
      for (const [index, { gate }] of wanted.entries()) {
        gate.firstNames = answer.firsts[index] || gate.fillingName
      }
      if (answer.tag === 'ok') return answer
    }
  }

  return {
    async park({ queue, epoch, sequence, keeper, parks }) {
      const known = keysOf(queue)
      const { meta, leases, buckets, wake } = known
      const termsOf = new Map(parks.map(({ gate, terms }) => [gate, terms]))
      const places = [...termsOf.keys()].map((name) => known.gate(name))
      const numberOf = new Map(places.map(({ name }, index) => [name, index + 1]))
      const ofGates = places.flatMap((place) => [
        ...[place.gate, place.heads, place.turns],
        ...[place.bucket(place.fillingName), place.looks],
      ])
      const { answers, fillings } = await engine.call(
        scripts.park,
        {
          keys: [
            ...[meta, known.inflight(epoch), leases, buckets, wake, known.unparked(epoch)],
            ...ofGates,
          ],
        },
        {
          ...{ epoch, sequence, keeper },
          gates: places.map(({ name, fillingName, looksName }) => ({
            ...{ name, fillingName, looksName, terms: termsOf.get(name) ?? '' },
          })),
          parks: parks.map(({ id, gate, demand, turnOf }) => ({
            ...{ id, demand, gate: numberOf.get(gate) ?? 0, turnOf: turnOf ?? '' },
          })),
        },
      )
      for (const [index, place] of places.entries()) {
        place.fillingName = bucketName(fillings[index] ?? 0)
      }
      return answers.map(readParked)
    },

    async unpark(request) {
      const { queue, gates } = request
      const { gate } = keysOf(queue)
      const counts = new Map<string, number>()
      for (const name of gates) counts.set(name, (counts.get(name) ?? 0) + 1)
      const wanted = [...counts].map(([name, count]) => ({ gate: gate(name), count }))
      const answer = await claim(request, wanted)
      if (answer.tag !== 'ok') return { tag: answer.tag }
      let next = 0
      const found = new Map(
        wanted.map(({ gate: { name }, count }, index) => {
          const bodies = answer.bodies.slice(next, next + count)
          next += count
          return [name, { bodies, rest: readView(answer.rests[index] ?? '') }]
        }),
      )
      const jobs = gates.map((name) => {
        const body = found.get(name)?.bodies.shift()
        return body ? unpack(queue, body) : null
      })
      const rests = gates.map((name) => found.get(name)?.rest ?? null)
      return { tag: 'ok', jobs, rests, fence: answer.fence }
    },

    async keepGates(queue, keeper, names) {
      const { keys, gates } = placesOf(queue, names)
      const { buckets } = keysOf(queue)
      const call = { keys: [buckets, ...keys] }
      const { answers } = await engine.call(scripts.keepGates, call, { keeper, gates })
      return answers.map(readAnswer)
    },

    async yieldGates(queue, keeper, names) {
      const { keys, gates } = placesOf(queue, names)
      const { meta, buckets, wake } = keysOf(queue)
      await engine.call(
        scripts.yieldGates,
        { keys: [meta, buckets, wake, ...keys] },
        { keeper, gates },
      )
    },

    async parkedBefore(queue, name, id) {
      const gate = keysOf(queue).gate(name)
      const heads = [await engine.command('ZRANGE', gate.heads, '0', '-1')].flat(2).map(String)
      const buckets = heads.map((head) => gate.bucket(head.slice(32, 40)))
      const parts: string[][] = []
      for (let start = 0; start < buckets.length; start += BUCKETS_IN_A_CALL) {
        parts.push(buckets.slice(start, start + BUCKETS_IN_A_CALL))
      }
      const look = (part: string[], known: { rank: string; place: string }) =>
        engine.call(scripts.parkedBefore, { buckets: part }, { id, ...known })

      let found = { part: parts[0], rank: '', place: '', count: 0 }
      for (const part of parts) {
        if (found.rank === '') found = { ...(await look(part, { rank: '', place: '' })), part }
      }
      if (found.rank === '') return null
      let { count } = found
      const known = { rank: found.rank, place: found.place }
      for (const part of parts) {
        const isNews = part !== found.part && count < MOST_BEFORE
        if (isNews) count += (await look(part, known)).count
      }
      return Math.min(count, MOST_BEFORE)
    },
  }
}

const namesIn = (names: string) => names.match(/\d{8}/g) ?? []

function readParked(answer: string): Parked {
  if (answer === 'K') return { tag: 'keeper' }
  return answer === 'S' ? { tag: 'stale' } : { tag: 'kept', forMs: Number(answer) / 1000 }
}

/** As `parked.lua` views a gate. */
function readView(text: string): GateView | null {
  const [start = '', count, length] = /^(\d+) (\d\d)/.exec(text) ?? []
  if (start === '') return null
  const termsAt = start.length + Number(length)
  return {
    terms: text.slice(termsAt),
    count: Number(count),
    demand: text.slice(start.length, termsAt),
  }
}

function readAnswer(answer: string): GateAnswer {
  const view = readView(answer.slice(1))
  if (answer[0] === 'K' && view) return { tag: 'keeper', ...view }
  return answer === 'E' ? { tag: 'empty' } : { tag: 'kept', forMs: Number(answer) / 1000 }
}
