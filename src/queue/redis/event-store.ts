import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import type { News } from '../../gate/redis/news.ts'
import {
  asLost,
  type EventPage,
  type EventStore,
  type EventsRead,
  type EventType,
  judge,
  MOST_EVENT_WATCHERS,
  type NewEvent,
  numberOf,
  type StoredEvent,
} from '../event-store.ts'
import { ID_LENGTH } from './body.ts'
import type { QueueKeys } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** Entries of one page: one has up to a thousand events, and up to 40 KB. */
const MOST_ENTRIES = 50

/** Events on Redis. The keys are described in `events.lua`. */
export function redisEventStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  news: News,
): Pick<EventStore, 'readEvents' | 'onEventNews'> {
  async function read(queue: string, from: string): Promise<EventsRead> {
    const { events, watchers } = keysOf(queue)
    const args = { from, limit: MOST_ENTRIES, mostWatchers: MOST_EVENT_WATCHERS }
    const answer = await engine.call(scripts.readEvents, { events, watchers }, args)
    const entries = entriesOf(answer.entries)
    return {
      events: entries.flatMap((entry) => eventsOf(entry, events)),
      previous: entries[0]?.previous ?? 0,
      base: entries[0]?.base ?? 0,
      last: answer.last === '' ? null : Number(answer.last),
      nowUs: Number(answer.now),
    }
  }

  return {
    async readEvents(queue, place): Promise<EventPage> {
      engine.inbox.start()
      const page = judge(place, await read(queue, numberOf(place)))
      if (page) return page
      const anew = await read(queue, 'start')
      return asLost(place, judge('start', anew) as EventPage, anew.previous)
    },

    onEventNews: (queue, listener) => news.on(keysOf(queue).events, listener),
  }
}

interface Entry {
  number: number
  atMs: number
  previous: number
  base: number
  /** A letter, a text, a letter, a text, … */
  texts: string[]
}

function entriesOf(flat: string[]): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < flat.length; ) {
    const [number, atUs] = (flat[at] ?? '').split('-').map(Number)
    const end = at + 2 + Number(flat[at + 1])
    const [previous = 0, base = 0] = (flat[at + 3] ?? '').split(' ').map(Number)
    const texts = flat.slice(at + 4, end)
    entries.push({ number: number ?? 0, atMs: (atUs ?? 0) / 1000, previous, base, texts })
    at = end
  }
  return entries
}

function eventsOf({ previous, atMs, texts }: Entry, key: string): StoredEvent[] {
  const told: NewEvent[] = []
  for (let at = 0; at < texts.length; at += 2) {
    const read = READERS[texts[at] ?? '']
    if (!read) throw new StoreCorruptError(key, `${key} holds an entry that sluice did not write.`)
    told.push(...read(texts[at + 1] ?? ''))
  }
  return told.map((event, index) => ({ ...event, number: previous + index + 1, atMs }))
}

const idsOf = (type: EventType) => (text: string) =>
  Array.from({ length: text.length / ID_LENGTH }, (_, index) => {
    return { type, id: text.slice(index * ID_LENGTH, (index + 1) * ID_LENGTH) }
  })

/** The script cuts a reason anywhere: also within a character. */
function splitDeath(text: string): [id: string, reason: string] {
  const bytes = Buffer.from(text)
  const end = 4 + Number(text.slice(0, 4))
  return [bytes.toString('utf8', 4, end), bytes.toString('utf8', end).replace(/\ufffd+$/, '')]
}

/** What is behind each letter. */
const READERS: Record<string, (text: string) => NewEvent[]> = {
  A(text) {
    const [first, count] = text.split(' ').map(Number)
    return Array.from({ length: count ?? 0 }, (_, index) => {
      return { type: 'added', id: String((first ?? 0) + index) }
    })
  },
  D: idsOf('done'),
  V: idsOf('redriven'),
  R: (text) => [{ type: 'retried', id: text.slice(3), attempt: Number(text.slice(0, 3)) }],
  X(text) {
    const [id, reason] = splitDeath(text)
    return [{ type: 'dead', id, reason }]
  },
  a: (name) => [{ type: 'added', name }],
  d: (name) => [{ type: 'done', name }],
  c: (name) => [{ type: 'cancelled', name }],
  r: (text) => [{ type: 'retried', name: text.slice(3), attempt: Number(text.slice(0, 3)) }],
  x(text) {
    const [name, reason] = splitDeath(text)
    return [{ type: 'dead', name, reason }]
  },
  N: (text) => [{ type: 'drained', count: Number(text) }],
  O: () => [{ type: 'obliterated' }],
  P: () => [{ type: 'paused' }],
  U: () => [{ type: 'resumed' }],
}
