import { createHash } from 'node:crypto'
import type {
  GatesRequest,
  ListedGate,
  ListedJob,
  ListPage,
  ListRequest,
} from '../listing-store.ts'
import type { StoredJob } from '../store.ts'
import { isOfLooks, type QueueKeys } from './keys.ts'

/** Gates whose buckets are asked for at one time. */
const GATES_IN_A_STEP = 100
/** Gates that one command reads of a bucket of looks, where all are put in order. */
const PLACES_IN_A_STEP = 1_000
/** Its round stands in front of a body, and what the job asks behind it: see `parked.lua`. */
const ROUND_LENGTH = 16
const DEMAND_LENGTH = 34

type Ask = (command: string, ...args: string[]) => Promise<string[]>

/** A gate, and the name by which it is found again: that of its bucket of looks, and a hash, as cursors are short. */
interface Place {
  gate: string
  name: string
}

/** Gates of a bucket of looks some at a time: in no order, and one may come twice. Those without jobs are among them. */
async function* stepsOf(
  ask: Ask,
  keys: QueueKeys,
  bucket: string,
  count: number,
): AsyncGenerator<string[]> {
  const key = keys.timed(bucket)
  let from = '0'
  do {
    const [next = '0', ...pairs] = await ask('ZSCAN', key, from, 'COUNT', `${count}`)
    yield pairs.filter((_, index) => index % 2 === 0)
    from = next
  } while (from !== '0')
}

/** All of them, in a steady order. */
async function gatesIn(ask: Ask, keys: QueueKeys, bucket: string): Promise<Place[]> {
  const places = new Map<string, Place>()
  for await (const gates of stepsOf(ask, keys, bucket, PLACES_IN_A_STEP)) {
    for (const gate of gates) {
      const hash = createHash('sha256').update(gate).digest('hex').slice(0, 16)
      places.set(gate, { gate, name: `${bucket}:${hash}` })
    }
  }
  return [...places.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const bucketsOfLooks = async (ask: Ask, keys: QueueKeys) =>
  (await ask('ZRANGE', keys.buckets, '0', '-1')).filter(isOfLooks).sort()

/** Some gates at a time, from one of a bucket of looks on: there may be a million. */
async function* gatesFrom(ask: Ask, keys: QueueKeys, from: string): AsyncGenerator<Place[]> {
  for (const bucket of await bucketsOfLooks(ask, keys)) {
    if (`${bucket}~` < from) continue
    const places = (await gatesIn(ask, keys, bucket)).filter(({ name }) => name >= from)
    for (let at = 0; at < places.length; at += GATES_IN_A_STEP) {
      yield places.slice(at, at + GATES_IN_A_STEP)
    }
  }
}

/** A page of parked jobs: gate by gate, and bucket by bucket of each. */
export async function parkedPage(
  ask: Ask,
  keys: QueueKeys,
  { limit, cursor }: ListRequest,
  read: (body: string) => StoredJob,
): Promise<ListPage> {
  const [, from = '', at = '0'] = /^(.*)@(\d+)$/.exec(cursor ?? '') ?? []
  const fromGate = from.split(':').slice(0, 2).join(':')
  const jobs: ListedJob[] = []
  for await (const step of gatesFrom(ask, keys, fromGate)) {
    const heads = await Promise.all(step.map((one) => headsOf(ask, keys, one.gate)))
    const places = step.flatMap(({ gate, name }, index) =>
      (heads[index] ?? []).map((bucket) => ({ gate, bucket, name: `${name}:${bucket}` })),
    )
    for (const { gate, bucket, name } of places.filter((one) => one.name >= from)) {
      const start = name === from ? Number(at) : 0
      const stop = start + limit - jobs.length - 1
      const key = keys.gate(gate).bucket(bucket)
      const entries = await ask('ZRANGE', key, String(start), String(stop))
      jobs.push(...entries.map((entry) => ({ ...read(bodyOf(entry)), gate })))
      if (jobs.length >= limit) return { jobs, cursor: `${name}@${start + entries.length}` }
    }
  }
  return { jobs, cursor: null }
}

const bodyOf = (entry: string) => entry.slice(ROUND_LENGTH, -DEMAND_LENGTH)

/** Names of the buckets of a gate. */
async function headsOf(ask: Ask, keys: QueueKeys, gate: string): Promise<string[]> {
  const heads = await ask('ZRANGE', keys.gate(gate).heads, '0', '-1')
  return heads.map((head) => head.slice(32, 40)).sort()
}

/** Gates with parked jobs: the first ones that are found, or the one that is said. */
export async function gatesOf(
  ask: Ask,
  keys: QueueKeys,
  { limit, only }: GatesRequest,
): Promise<ListedGate[]> {
  if (only !== undefined) return found(ask, keys, [only])
  const gates = new Map<string, ListedGate>()
  for (const bucket of await bucketsOfLooks(ask, keys)) {
    for await (const step of stepsOf(ask, keys, bucket, GATES_IN_A_STEP)) {
      for (const gate of await found(ask, keys, step)) gates.set(gate.name, gate)
      if (gates.size >= limit) return [...gates.values()].slice(0, limit)
    }
  }
  return [...gates.values()]
}

async function found(ask: Ask, keys: QueueKeys, names: string[]): Promise<ListedGate[]> {
  const gates = await Promise.all(
    names.map(async (name) => {
      const [terms = '', fill = ''] = await ask('HMGET', keys.gate(name).gate, 'terms', 'parked')
      return { name, terms, count: Number(fill.split(' ')[2] ?? 0) }
    }),
  )
  return gates.filter(({ count }) => count > 0)
}
