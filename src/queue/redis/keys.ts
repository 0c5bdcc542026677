import { escapePart, type Keyspace } from '../../engine/redis/keys.ts'

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
  producer(producer: string): string
  segment(number: number): string
  timed(bucket: string): string
  ranked(bucket: string): string
  record(name: string): string
  log(name: string): string
  schedule(name: string): string
  strand(key: string): string
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

/** Queues of which one client remembers the keys. */
const MOST_REMEMBERED = 1_000

/** The keys of queues, made once: a call names a dozen. */
export function queueKeys(keyspace: Keyspace): (queue: string) => QueueKeys {
  const remembered = new Map<string, QueueKeys>()
  return (queue) => {
    const known = remembered.get(queue)
    if (known) return known
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    const keys = keysOf(keyspace, queue)
    remembered.set(queue, keys)
    return keys
  }
}

/** As the scripts write the number of a bucket, so that names are in the order of numbers. */
export const bucketName = (number: number) => String(number).padStart(8, '0')

/** The bucket whose jobs are tickets of schedules; it is beside the numbered ones. */
export const SCHEDULED = 'schedules'

function keysOf(keyspace: Keyspace, queue: string): QueueKeys {
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
    producer: (producer) => key(`producer:${producer}`),
    segment: (number) => key(`segment:${number}`),
    timed: (bucket) => key(`timed:${bucket}`),
    ranked: (bucket) => key(`ranked:${bucket}`),
    record: (name) => key(`record:${escapePart(name)}`),
    log: (name) => key(`log:${escapePart(name)}`),
    schedule: (name) => key(`schedule:${escapePart(name)}`),
    strand: (name) => key(`strand:${escapePart(name)}`),
    headNumber: 0,
    tailNumber: 0,
    dueName: bucketName(0),
    fillingName: bucketName(0),
    rankFirstName: bucketName(0),
    rankFillingName: bucketName(0),
    epochs: [],
  }
}
