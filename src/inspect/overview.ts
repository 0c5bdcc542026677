import type { Waiter } from '../lock/index.ts'
import type { GateRow } from '../queue/index.ts'
import type { Inside } from '../sluice.ts'

/** Queues, locks and limiter keys that an overview shows of each: it stays cheap on a big store. */
export const MOST_ROWS = 200
/** Waiters shown of one lock. */
const MOST_WAITERS = 20
/** Gates shown of one queue. */
const MOST_GATES = 3

/** At most {@link MOST_ROWS} rows, sorted by name. */
export interface Section<Row> {
  rows: Row[]
  /** There are more than are shown. */
  more: boolean
}

export interface QueueRow {
  name: string
  ready: number
  /** Delayed, or waiting for a retry. */
  timed: number
  /** Those that wait for a lock or a limit. Left out if none do, as `gates` is. */
  parked?: number
  /** What most of these wait for: three gates at most. */
  gates?: GateRow[]
  inFlight: number
  dead: number
  /** Nothing is claimed until it is resumed. Left out otherwise. */
  paused?: boolean
}

export interface LockRow {
  name: string
  /** `host:pid:…` of who holds it; null while it is free for the head of the line. */
  holder: string | null
  fence: number | null
  /** Epoch milliseconds on the engine's clock. */
  sinceMs: number | null
  /** What was left of the lease. */
  remainingMs: number | null
  waiterCount: number
  /** The head of the line, in the order in which they will get the lock: `host:pid:…`, and of jobs their queue. */
  waiters: string[]
}

/** A key that has been charged and is not as good as new yet. */
export interface LimitRow {
  limiter: string
  key: string
}

/** What an engine holds, at about one moment. Names are what users chose: never markup. */
export interface Overview {
  engine: { kind: 'redis' | 'sqlite'; place: string }
  /** Epoch milliseconds on this machine's clock. */
  takenAtMs: number
  queues: Section<QueueRow>
  locks: Section<LockRow>
  limits: Section<LimitRow>
}

export async function readOverview({ engine, queues, locks, limits }: Inside): Promise<Overview> {
  const [queueRows, lockRows, limitRows] = await Promise.all([
    listQueues(queues),
    listLocks(locks),
    limits.list(MOST_ROWS + 1).then(sectionOf((row) => `${row.limiter}\n${row.key}`)),
  ])
  return {
    engine: { kind: engine.kind, place: engine.place },
    takenAtMs: engine.clock.wallMs(),
    queues: queueRows,
    locks: lockRows,
    limits: limitRows,
  }
}

export async function listQueues(queues: Inside['queues']): Promise<Section<QueueRow>> {
  const names = sectionOf((name: string) => name)(await queues.list(MOST_ROWS + 1))
  const rows = await Promise.all(
    names.rows.map(async (name) => {
      const counts = await queues.counts(name)
      if (!counts.parked) return { name, ...counts }
      return { name, ...counts, gates: await queues.busiestGates(name, MOST_GATES) }
    }),
  )
  return { rows, more: names.more }
}

async function listLocks(locks: Inside['locks']): Promise<Section<LockRow>> {
  const views = await locks.list(MOST_ROWS + 1)
  const rows = views.map(
    ({ name, holder, waiters }): LockRow => ({
      name,
      holder: holder?.owner ?? null,
      fence: holder?.fence ?? null,
      sinceMs: holder?.sinceMs ?? null,
      remainingMs: holder?.remainingMs ?? null,
      waiterCount: waiters.length,
      waiters: waiters.slice(0, MOST_WAITERS).map(waiterInWords),
    }),
  )
  return sectionOf((row: LockRow) => row.name)(rows)
}

/** A queue has one place in a line, for all of its jobs. */
const waiterInWords = ({ owner, kind, metadata }: Waiter) =>
  kind === 'job' ? `jobs of ${metadata.queue}, ${owner}` : owner

/** In a steady order, so that rows do not jump about between two looks. */
const sectionOf =
  <Row>(nameOf: (row: Row) => string) =>
  (found: readonly Row[]): Section<Row> => {
    const byName = (a: Row, b: Row) => (nameOf(a) < nameOf(b) ? -1 : 1)
    const rows = [...found].sort(byName)
    return { rows: rows.slice(0, MOST_ROWS), more: rows.length > MOST_ROWS }
  }
