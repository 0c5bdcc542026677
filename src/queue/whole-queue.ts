import type { ListedGate, ListPage } from './listing-store.ts'
import { innerId, outerJob, type Partitions, partitionOf } from './partitions.ts'
import type { QueueCounts, QueueStore } from './store.ts'

/** What is asked of a queue as a whole, however many partitions it has. */
export interface WholeQueue extends PartOfStore {
  /** Where the ticket of a record is parked; null if it is not behind that gate. */
  findParked(name: string, gate: string, ticket: string): Promise<ParkedTicket | null>
}

export interface ParkedTicket {
  /** Of which partition: that is the queue in the line of the gate. */
  partition: string
  /** How many of it are in front. */
  inFront: number
  /** Of the gate. */
  terms: string
}

type PartOfStore = Pick<
  QueueStore,
  | 'counts'
  | 'listJobs'
  | 'listGates'
  | 'listDead'
  | 'redrive'
  | 'purge'
  | 'drain'
  | 'obliterate'
  | 'pause'
  | 'resume'
  | 'readRecord'
  | 'watchRecord'
  | 'onRecordNews'
  | 'cancelRecord'
  | 'changeRecord'
>

/** All partitions of a queue as one. The name of the queue that its methods are given is that of the whole. */
export function wholeQueue(store: QueueStore, partitions: Partitions): WholeQueue {
  const onEach = async <T>(call: (name: string) => Promise<T>) =>
    Promise.all((await partitions.ask()).map(call))

  const ofName = (names: readonly string[], name: string) =>
    names[partitionOf(name, names.length)] ?? ''
  const onOne = async <T>(name: string, call: (partition: string) => Promise<T>) =>
    call(ofName(await partitions.ask(), name))

  /** From one to the next, until so many are done. */
  async function some(limit: number, call: (name: string, left: number) => Promise<number>) {
    let done = 0
    for (const name of await partitions.ask()) {
      if (done < limit) done += await call(name, limit - done)
    }
    return done
  }

  return {
    counts: async () => sumOf(await onEach((name) => store.counts(name))),
    async listJobs(_, { cursor, limit, ...request }) {
      const names = await partitions.ask()
      const [, first = 0, rest = null] = /^p(\d+):(.*)$/.exec(cursor ?? '') ?? []
      const page: ListPage = { jobs: [], cursor: null }
      for (let at = Number(first); at < names.length; at++) {
        const from = at === Number(first) ? (names.length === 1 ? cursor : rest || null) : null
        const left = limit - page.jobs.length
        const part = await store.listJobs(names[at] ?? '', {
          ...request,
          limit: left,
          cursor: from,
        })
        page.jobs.push(...part.jobs.map((job) => outerJob(job, at)))
        if (part.cursor !== null && names.length === 1) return { ...page, cursor: part.cursor }
        if (part.cursor !== null) return { ...page, cursor: `p${at}:${part.cursor}` }
        if (page.jobs.length >= limit && at + 1 < names.length) {
          return { ...page, cursor: `p${at + 1}:@0` }
        }
      }
      return page
    },
    async listGates(_, request) {
      const lists = await onEach((name) => store.listGates(name, request))
      return [...summed(lists.flat()).values()].slice(0, request.limit)
    },
    async listDead(_, limit) {
      const lists = await onEach((name) => store.listDead(name, limit))
      return lists
        .flatMap((jobs, partition) => jobs.map((job) => outerJob(job, partition)))
        .sort((a, b) => a.diedAtMs - b.diedAtMs)
        .slice(0, limit)
    },
    redrive: (_, limit) => some(limit, (name, left) => store.redrive(name, left)),
    purge: (_, limit) => some(limit, (name, left) => store.purge(name, left)),
    drain: (_, limit) => some(limit, (name, left) => store.drain(name, left)),
    async obliterate(_, { epoch, ...step }) {
      // The first one goes last: it knows how many there are.
      const names = await partitions.ask()
      const [inner, partition] = epoch === '' ? ['', names.length - 1] : innerId(epoch)
      const answer = await store.obliterate(names[partition] ?? '', { ...step, epoch: inner })
      if (answer.tag === 'busy' || (answer.tag === 'gone' && partition === 0)) return answer
      const next = answer.tag === 'gone' ? `.${partition - 1}` : `${answer.epoch}.${partition}`
      return { tag: 'step', count: answer.count, epoch: next }
    },
    async pause() {
      await onEach((name) => store.pause(name))
    },
    async resume() {
      await onEach((name) => store.resume(name))
    },
    readRecord: (_, name) => onOne(name, (queue) => store.readRecord(queue, name)),
    watchRecord: (_, name) => onOne(name, (queue) => store.watchRecord(queue, name)),
    // Who waits for the end of a job has looked at it before, and so the partitions are known.
    onRecordNews: (queue, name, listener) =>
      store.onRecordNews(ofName(partitions.names ?? [queue], name), name, listener),
    cancelRecord: (_, name, rememberMs) =>
      onOne(name, (queue) => store.cancelRecord(queue, name, rememberMs)),
    changeRecord: (_, name, when, priority) =>
      onOne(name, (queue) => store.changeRecord(queue, name, when, priority)),
    findParked: (name, gate, ticket) =>
      onOne(name, async (partition) => {
        const [inFront, [found]] = await Promise.all([
          store.parkedBefore(partition, gate, ticket),
          store.listGates(partition, { limit: 1, only: gate }),
        ])
        return inFront === null || !found ? null : { partition, inFront, terms: found.terms }
      }),
  }
}

/** Each gate once, with what is parked behind it in all partitions. */
function summed(gates: readonly ListedGate[]): Map<string, ListedGate> {
  const byName = new Map<string, ListedGate>()
  for (const gate of gates) {
    const count = gate.count + (byName.get(gate.name)?.count ?? 0)
    byName.set(gate.name, { ...gate, count })
  }
  return byName
}

export function sumOf(counts: readonly QueueCounts[]): QueueCounts {
  const sum = (of: (one: QueueCounts) => number) =>
    counts.reduce((total, one) => total + of(one), 0)
  return {
    ready: sum(({ ready }) => ready),
    timed: sum(({ timed }) => timed),
    inFlight: sum(({ inFlight }) => inFlight),
    dead: sum(({ dead }) => dead),
    ...(counts.some(({ parked }) => parked) ? { parked: sum(({ parked = 0 }) => parked) } : {}),
    ...(counts.some(({ paused }) => paused) ? { paused: true } : {}),
  }
}
