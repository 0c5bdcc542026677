import type { Clock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import type { Gate, InTheWay } from '../gate/gate.ts'
import { MOST_IN_LINE, readMetadata } from '../gate/view.ts'
import { printable } from '../text.ts'
import type { Needs } from './needs.ts'
import type { JobRecord, RecordState } from './record-store.ts'
import type { ParkedTicket, WholeQueue } from './whole-queue.ts'

/** Why a job is not running, or that it is. */
export interface Why {
  state: RecordState | 'parked'
  /** For people: `parked on lock user:42, held by api-7 pid 311 since …, third in line`. */
  text: string
  /** Null unless it is parked. */
  parked: ParkedOn | null
}

/** What a parked job waits for. */
export interface ParkedOn {
  /** Such as `lock:user:42`. */
  gate: string
  /** Who holds it, or what is left of a limit; null where nobody does. */
  inTheWay: string | null
  /** Jobs of its queue in front of it, 10,000 at most. */
  inFront: number
  /**
   * In the line of callers and queues, as of now: 1 if it is the next. A queue has one place there and goes to the end with each job that is
   * let in, so who comes later may still get in between. Null: there are too many to count.
   */
  place: number | null
}

interface Terms {
  clock: Clock
  store: WholeQueue
  queue: string
  needs: Needs
}

/** What `parkedBefore` counts. */
const MOST_IN_FRONT = 10_000

/** Of the job of a record, by the name of that. */
export async function whyOf(name: string, record: JobRecord, terms: Terms): Promise<Why> {
  const { state, gate, dueAtMs } = record
  if (state !== 'waiting') return { state, text: STATES[state], parked: null }
  // Put off while it was parked, it does not run when it comes up.
  const isPutOff = dueAtMs !== null && dueAtMs > terms.clock.wallMs()
  const parked = gate === null || isPutOff ? null : await parkedOn(gate, name, record, terms)
  if (parked) return { state: 'parked', text: textOf(parked), parked }
  const { paused } = await terms.store.counts(terms.queue)
  const due =
    dueAtMs === null ? 'in line for a worker' : `due at ${new Date(dueAtMs).toISOString()}`
  return { state, text: paused ? `${due}; the queue is paused` : due, parked: null }
}

async function parkedOn(
  gate: string,
  name: string,
  { ticket, payload }: JobRecord,
  { store, needs }: Terms,
): Promise<ParkedOn | null> {
  const found = await store.findParked(name, gate, ticket)
  if (found === null) return null
  const known = gateOf(needs, payload, gate)
  const { text, line } = await lookAt(() => known ?? needs.open(found.terms))
  return { gate, inTheWay: text, inFront: found.inFront, place: placeIn(line, found) }
}

/** As its job asks for it. A function of the queue that throws is told by the attempt that it fails. */
function gateOf(needs: Needs, payload: string, gate: string): Gate | undefined {
  try {
    return needs.of(payload).find(({ key }) => key === gate)
  } catch {
    return undefined
  }
}

/** Nobody is known of what another version wrote. */
export async function lookAt(open: () => Gate): Promise<InTheWay> {
  try {
    return await open().describe()
  } catch (error) {
    if (error instanceof ArgumentError) return { text: null, line: [] }
    throw error
  }
}

/** Behind all that are there where the queue is not in line itself, and where others of it go before. */
function placeIn(line: InTheWay['line'], { partition, inFront }: ParkedTicket): number | null {
  const at = line.findIndex(
    ({ kind, metadata }) => kind === 'job' && readMetadata(metadata).queue === partition,
  )
  const isCounted = line.length < MOST_IN_LINE || (at >= 0 && inFront === 0)
  if (!isCounted || inFront >= MOST_IN_FRONT) return null
  if (at < 0) return line.length + inFront + 1
  return (inFront === 0 ? at : line.length - 1 + inFront) + 1
}

const STATES: Record<Exclude<RecordState, 'waiting'>, string> = {
  running: 'running',
  cancelling: 'running, and to be cancelled',
  done: 'done',
  dead: 'dead',
  cancelled: 'cancelled',
}

/** A gate in words for people: `lock user:42`. */
export const gateInWords = (gate: string) => printable(gate.replace(':', ' '))

function textOf({ gate, inTheWay, inFront, place }: ParkedOn): string {
  const stands = place === null ? `${inFront} in front of it` : `${ordinal(place)} in line`
  const parts = [`parked on ${gateInWords(gate)}`, inTheWay, stands]
  return parts.filter((part) => part !== null).join(', ')
}

const FIRST = ['first', 'second', 'third']
const ENDINGS = { one: 'st', two: 'nd', few: 'rd', other: 'th' } as const
const rules = new Intl.PluralRules('en', { type: 'ordinal' })

function ordinal(place: number): string {
  const ending = ENDINGS[rules.select(place) as keyof typeof ENDINGS]
  return FIRST[place - 1] ?? `${place}${ending}`
}
