import { escapePart, type Keyspace } from '../../engine/redis/keys.ts'
import { partitionOf } from '../partitions.ts'

/** The keys of one queue, and where this client thinks that the numbered ones are. */
export interface QueueKeys {
  meta: string
  ready: string
  tail: string
  suspects: string
  buckets: string
  ranks: string
  leases: string
  wake: string
  dead: string
  done: string
  events: string
  /** Who is told of the next event. */
  watchers: string
  /** The bucket with the tickets of schedules. */
  scheduled: string
  schedules: string
  inflight(epoch: string): string
  last(epoch: string): string
  /** What an epoch parked or unparked last. */
  unparked(epoch: string): string
  producer(producer: string): string
  segment(number: number): string
  timed(bucket: string): string
  ranked(bucket: string): string
  record(name: string): string
  log(name: string): string
  schedule(name: string): string
  strand(key: string): string
  gate(name: string): GateKeys
  /** The oldest segment, and the next one. */
  headNumber: number
  tailNumber: number
  /** The bucket whose first job is due first, and the one that gets new jobs. */
  dueName: string
  fillingName: string
  /** The same of ranked jobs. */
  rankFirstName: string
  rankFillingName: string
  /** Of workers that hold jobs. */
  epochs: string[]
}

/** The keys of one gate of a queue, and where this client thinks that its jobs are. */
export interface GateKeys {
  name: string
  gate: string
  heads: string
  turns: string
  /** The bucket in which its look is, and its name. */
  looks: string
  looksName: string
  bucket(name: string): string
  /** The bucket that gets what is parked, and those with the first jobs, one name of 8 digits after the other. */
  fillingName: string
  firstNames: string
}

/** Queues of which one client remembers the keys. */
const MOST_REMEMBERED = 1_000
/** The same of gates, of all queues. */
const MOST_GATES = 10_000
/** A gate's look is in one of so many buckets. */
const LOOK_BUCKETS = 64

/** The keys of queues, made once: a call names a dozen. */
export function queueKeys(keyspace: Keyspace): (queue: string) => QueueKeys {
  const remembered = new Map<string, QueueKeys>()
  const gates = new Map<string, GateKeys>()
  return (queue) => {
    const known = remembered.get(queue)
    if (known) return known
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    const keys = keysOf(keyspace, queue, gates)
    remembered.set(queue, keys)
    return keys
  }
}

/** As the scripts write the number of a bucket, so that names are in the order of numbers. */
export const bucketName = (number: number) => String(number).padStart(8, '0')

/** The bucket whose jobs are tickets of schedules; it is beside the numbered ones. */
export const SCHEDULED = 'schedules'

/** Whether a bucket among those of timed jobs has none, but the looks at gates. */
export const isOfLooks = (bucket: string) => bucket.startsWith('gates-')

function gateKeysOf(base: string, name: string): GateKeys {
  const gate = `${base}:gate:${escapePart(name)}`
  const looksName = `gates-${String(partitionOf(name, LOOK_BUCKETS)).padStart(2, '0')}`
  return {
    name,
    gate,
    heads: `${gate}:heads`,
    turns: `${gate}:turns`,
    looks: `${base}:timed:${looksName}`,
    looksName,
    bucket: (bucket) => `${gate}:${bucket}`,
    fillingName: bucketName(0),
    firstNames: bucketName(0),
  }
}

function keysOf(keyspace: Keyspace, queue: string, gates: Map<string, GateKeys>): QueueKeys {
  const base = keyspace.key('queue', queue)
  const key = (part: string) => `${base}:${part}`
  return {
    meta: key('meta'),
    ready: key('ready'),
    tail: key('tail'),
    suspects: key('suspects'),
    buckets: key('buckets'),
    ranks: key('ranks'),
    leases: key('leases'),
    wake: key('wake'),
    dead: key('dead'),
    done: key('done'),
    events: key('events'),
    watchers: key('watchers'),
    scheduled: key(`timed:${SCHEDULED}`),
    schedules: key('schedules'),
    inflight: (epoch) => key(`inflight:${epoch}`),
    last: (epoch) => key(`last:${epoch}`),
    unparked: (epoch) => key(`unparked:${epoch}`),
    producer: (producer) => key(`producer:${producer}`),
    segment: (number) => key(`segment:${number}`),
    timed: (bucket) => key(`timed:${bucket}`),
    ranked: (bucket) => key(`ranked:${bucket}`),
    record: (name) => key(`record:${escapePart(name)}`),
    log: (name) => key(`log:${escapePart(name)}`),
    schedule: (name) => key(`schedule:${escapePart(name)}`),
    strand: (name) => key(`strand:${escapePart(name)}`),
    gate(name) {
      const id = `${queue}\n${name}`
      const known = gates.get(id)
      if (known) return known
      if (gates.size >= MOST_GATES) gates.clear()
      const made = gateKeysOf(base, name)
      gates.set(id, made)
      return made
    },
    headNumber: 0,
    tailNumber: 0,
    dueName: bucketName(0),
    fillingName: bucketName(0),
    rankFirstName: bucketName(0),
    rankFillingName: bucketName(0),
    epochs: [],
  }
}
