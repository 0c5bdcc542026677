import type { Clock } from '../clock.ts'
import { LONGEST_MS } from '../duration.ts'
import { ArgumentError, ClosedError } from '../errors.ts'
import type { Waits } from '../gate/until.ts'
import { LOOK_EVERY_MS } from '../gate/watchers.ts'
import { describe } from '../text.ts'
import type { EventPage, EventStore, StoredEvent } from './event-store.ts'
import { outerId, type Partitions } from './partitions.ts'

interface Told {
  /** For `from`: to go on behind this event. */
  cursor: string
  /** On the engine's clock, in epoch milliseconds. */
  atMs: number
}

/** What happened to a job, or to a queue. Jobs with an id have it as their `id`. */
export type QueueEvent =
  | (Told & { type: 'added' | 'done' | 'cancelled' | 'redriven'; id: string })
  /** Its attempt of that number failed, and it will be tried again. */
  | (Told & { type: 'retried'; id: string; attempt: number })
  /** With up to 256 bytes of the reason. */
  | (Told & { type: 'dead'; id: string; reason: string })
  /** So many jobs were removed, one event for each step of up to 100. */
  | (Told & { type: 'drained'; count: number })
  | (Told & { type: 'paused' | 'resumed' | 'obliterated' })
  /** The reader was away for too long: some events in front of the next one are gone. */
  | (Told & { type: 'missed' })

export interface EventsTerms {
  store: EventStore
  clock: Clock
  queue: string
  partitions: Partitions
  /** Ended when the Sluice closes. */
  waits: Waits
  isClosed: () => boolean
}

/** One partition of a queue, and how far it was read. */
interface Feed {
  readonly name: string
  readonly partition: number
  /** Behind what was given out. */
  place: string
  page: EventPage | null
  /** The page was given out: reads the next one. */
  next: () => void
}

/**
 * Events as they happen, of all partitions as they come: in the order of each. Ends when the signal
 * aborts or the Sluice closes; an engine that is away is waited for.
 */
export async function* readQueueEvents(
  terms: EventsTerms,
  from: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<QueueEvent, void, undefined> {
  const ending = new AbortController()
  const end = () => ending.abort()
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  try {
    const names = await namesOf(terms, ending.signal)
    if (names === null) return
    const feeds = new Feeds(terms, feedsOf(names, from), ending.signal)
    for (let feed = await feeds.next(); feed; feed = await feeds.next()) {
      for (const told of given(feed)) {
        const event = eventOf(told.event, feed, feeds.cursor(feed, told.place))
        feed.place = told.place
        if (event) yield event
        if (ending.signal.aborted || terms.isClosed()) return
      }
      feed.next()
    }
  } finally {
    signal?.removeEventListener('abort', end)
    end()
  }
}

/** Null: it is over before they are known. */
async function namesOf({ partitions, clock, isClosed }: EventsTerms, signal: AbortSignal) {
  const names = await partitions.insist(clock, () => signal.aborted || isClosed())
  if (names !== null && 'refused' in names) throw names.refused
  return signal.aborted || isClosed() ? null : names
}

function feedsOf(names: readonly string[], from: string): Feed[] {
  const places = from === 'now' || from === 'start' ? names.map(() => from) : from.split('.')
  if (places.length !== names.length) {
    const expected = `a cursor of an event of this queue, which has ${names.length} partitions`
    throw new ArgumentError('events.from', expected, describe(from))
  }
  return names.map((name, partition) => {
    const place = places[partition] ?? 'now'
    return { name, partition, place, page: null, next: () => {} }
  })
}

/** Reads all partitions of a queue at once, and gives their pages out as they come. */
class Feeds {
  private readonly terms: EventsTerms
  private readonly feeds: readonly Feed[]
  private readonly signal: AbortSignal
  private readonly ready: Feed[] = []
  private failure: { error: unknown } | null = null
  private isOver = false
  private tell = () => {}

  constructor(terms: EventsTerms, feeds: readonly Feed[], signal: AbortSignal) {
    this.terms = terms
    this.feeds = feeds
    this.signal = signal
    for (const feed of feeds) void this.follow(feed)
  }

  /** One that has something to tell. Null: it is over. @throws what no retry helps */
  async next(): Promise<Feed | null> {
    while (!this.isOver) {
      if (this.failure) throw this.failure.error
      const feed = this.ready.shift()
      if (feed) return feed
      await new Promise<void>((resolve) => {
        this.tell = resolve
      })
    }
    return null
  }

  /** How far all are, once this one is so far. */
  cursor(one: Feed, place: string): string {
    return this.feeds.map((feed) => (feed === one ? place : feed.place)).join('.')
  }

  private async follow(feed: Feed): Promise<void> {
    try {
      for (;;) {
        feed.page = await this.read(feed)
        this.ready.push(feed)
        const isTaken = new Promise<void>((resolve) => {
          feed.next = resolve
        })
        this.tell()
        await isTaken
      }
    } catch (error) {
      const isEnd = this.signal.aborted || error instanceof ClosedError
      if (isEnd) this.isOver = true
      else this.failure = { error }
      this.tell()
    }
  }

  /** The next page that has something to tell. */
  private async read(feed: Feed): Promise<EventPage> {
    const { store, clock, waits, isClosed } = this.terms
    // What begins to wait after the end of all waits would wait for ever.
    if (isClosed()) throw new ClosedError('This Sluice')
    const until = {
      clock,
      waitMs: LONGEST_MS,
      look: () => store.readEvents(feed.name, feed.place),
      onNews: (listener: () => void) => store.onEventNews(feed.name, listener),
      read(page: EventPage) {
        if (page.events.length > 0 || page.missedUpTo !== null) return { value: page }
        // Where nothing had happened yet, what comes is behind this place.
        feed.place = page.place
        return { againMs: LOOK_EVERY_MS }
      },
      late: () => new ClosedError('This iterator'),
    }
    return waits.until(until, this.signal)
  }
}

/** What a page has to tell, and the place behind each. */
function* given({ page }: Feed): Generator<{ event: StoredEvent | null; place: string }> {
  if (page === null) return
  if (page.missedUpTo !== null) yield { event: null, place: String(page.missedUpTo) }
  for (const event of page.events) yield { event, place: String(event.number) }
}

/** Null: what is of the whole queue is told by its first partition. */
function eventOf(stored: StoredEvent | null, feed: Feed, cursor: string): QueueEvent | null {
  const { partition, page } = feed
  if (stored === null) return { type: 'missed', cursor, atMs: page?.events[0]?.atMs ?? 0 }
  const { type, atMs, name, attempt = 0, reason = '', count = 0 } = stored
  const id = name ?? outerId(stored.id ?? '', partition)
  switch (type) {
    case 'paused':
    case 'resumed':
    case 'obliterated':
      return partition === 0 ? { type, cursor, atMs } : null
    case 'drained':
      return { type, cursor, atMs, count }
    case 'retried':
      return { type, cursor, atMs, id, attempt }
    case 'dead':
      return { type, cursor, atMs, id, reason }
    default:
      return { type, cursor, atMs, id }
  }
}
