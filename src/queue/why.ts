import type { Clock } from '../clock.ts'
import type { Needs } from './needs.ts'
import type { JobRecord, RecordState } from './record-store.ts'
import type { WholeQueue } from './whole-queue.ts'

/** Why a job is not running, or that it is. */
export interface Why {
  state: RecordState | 'parked'
  /** For people: `parked behind lock:user:42, held by api-7 pid 311 since …, third in line`. */
  text: string
  /** Behind which gate it is parked, who is in the way there, where that is known, and how many jobs are in front. */
  parked: { gate: string; inTheWay: string | null; inFront: number } | null
}

interface Terms {
  clock: Clock
  store: WholeQueue
  queue: string
  needs: Needs
}

/** Of the job of a record, by the name of that. */
export async function whyOf(name: string, record: JobRecord, terms: Terms): Promise<Why> {
  const { state, gate, dueAtMs } = record
  if (state !== 'waiting') return { state, text: STATES[state], parked: null }
  // Put off while it was parked, it does not run when it comes up.
  const isPutOff = dueAtMs !== null && dueAtMs > terms.clock.wallMs()
  const parked = gate === null || isPutOff ? null : await parkedBehind(gate, name, record, terms)
  if (parked) return { state: 'parked', text: textOf(parked), parked }
  const { paused } = await terms.store.counts(terms.queue)
  const due =
    dueAtMs === null ? 'in line for a worker' : `due at ${new Date(dueAtMs).toISOString()}`
  return { state, text: paused ? `${due}; the queue is paused` : due, parked: null }
}

async function parkedBehind(
  gate: string,
  name: string,
  { ticket, payload }: JobRecord,
  { store, needs }: Terms,
): Promise<Why['parked']> {
  const inFront = await store.parkedInFront(name, gate, ticket)
  if (inFront === null) return null
  const known = needs.of(payload).find(({ key }) => key === gate)
  return { gate, inTheWay: (await known?.describe()) ?? null, inFront }
}

const STATES: Record<Exclude<RecordState, 'waiting'>, string> = {
  running: 'running',
  cancelling: 'running, and to be cancelled',
  done: 'done',
  dead: 'dead',
  cancelled: 'cancelled',
}

function textOf({ gate, inTheWay, inFront }: NonNullable<Why['parked']>): string {
  const place = inFront === 0 ? 'first in line' : `${inFront} in front of it`
  return `parked behind ${gate}, ${inTheWay === null ? '' : `${inTheWay}, `}${place}`
}
