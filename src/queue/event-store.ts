import type { QueueStore } from './store.ts'

/**
 * The part of the contract of queues that tells what happened to their jobs, of those queues that keep events.
 * Internal, outside semver. Its promises, Q46 to Q49, are in `store.ts`.
 */
export interface EventStore {
  /** The same store, whose calls write events, of which the last `keep` of each queue stay. */
  keepingEvents(keep: number): QueueStore
  /**
   * Events behind a place, in their order, at most some hundred; and asks to be told of the next where there
   * are none.
   * @param from `now`, `start`, or the `place` of an earlier page
   */
  readEvents(queue: string, from: string): Promise<EventPage>
  /** Calls back when there may be more events, or when news of them may have been missed. */
  onEventNews(queue: string, listener: () => void): () => void
}

export type EventType =
  | 'added'
  | 'retried'
  | 'done'
  | 'dead'
  | 'cancelled'
  | 'redriven'
  | 'drained'
  | 'obliterated'
  | 'paused'
  | 'resumed'

/** What a store is told of an event. */
export interface NewEvent {
  type: EventType
  /** The number of the job, or its name where it was added by one; neither where it is of the queue. */
  id?: string
  name?: string
  /** Of a retried one: the attempt that failed. */
  attempt?: number
  /** Of a dead one, up to 256 bytes. */
  reason?: string
  /** Of drained jobs. */
  count?: number
}

export interface StoredEvent extends NewEvent {
  /** Grows by one with each event of a queue, as long as the store has it. */
  number: number
  atMs: number
}

export interface EventPage {
  events: StoredEvent[]
  /** The number of the last event that is lost; null where none is. */
  missedUpTo: number | null
  /** To go on from. */
  place: string
}

/** What is there of events: pages are judged alike on all engines. */
export interface EventsRead {
  /** In their order, from the first one behind the place on. */
  events: StoredEvent[]
  /** The number before the first of these, and that before the first of all there have been. */
  previous: number
  base: number
  /** The number of the newest event of all; null where there is none. */
  last: number | null
  nowUs: number
}

/** Of a place where nothing had happened yet, there is a time in front of this. */
const FRESH = '+'

/** What can be a place. */
export const PLACE = /^(?:now|start|\d{1,16}\+?)$/

/** The number behind which a store reads: `now` and `start` for themselves. */
export const numberOf = (place: string) =>
  place === 'now' || place === 'start' ? place : String(Number.parseInt(place, 10))

/**
 * What a reader at `place` is told. Null: that is behind the newest event, as the store was lost and has begun
 * anew; it has to be read from the start.
 */
export function judge(place: string, read: EventsRead): EventPage | null {
  const { previous, base, last, nowUs } = read
  if (place === 'now' || place === 'start') {
    const end = read.events.at(-1)?.number ?? last
    const { events } = read
    return { events, missedUpTo: null, place: end === null ? nowUs + FRESH : String(end) }
  }
  const number = Number.parseInt(place, 10)
  const events = read.events.filter((event) => event.number > number)
  if (events.length === 0) {
    return last !== null && last < number ? null : { events, missedUpTo: null, place }
  }
  // Who was there before the first event has missed none of those before it.
  const isFresh = place.endsWith(FRESH) && base >= number
  const isMissed = previous > (isFresh ? base : number)
  return {
    events,
    missedUpTo: isMissed ? previous : null,
    place: String(events.at(-1)?.number ?? number),
  }
}

/** What a store says that has begun anew, behind the back of a reader: whatever was before is lost. */
export const asLost = (place: string, page: EventPage, previous: number): EventPage =>
  place.endsWith(FRESH) ? page : { ...page, missedUpTo: previous }

/** Clients that are told of the next event of a queue: the others look by themselves before long. */
export const MOST_EVENT_WATCHERS = 100
