import type { Clock } from '../clock.ts'
import { InternalError, SluiceError, StoreCorruptError } from '../errors.ts'
import { untilAnswered } from './again.ts'
import { LONGEST_REASON } from './failure.ts'
import type { Opening } from './record-store.ts'
import type { QueueStore, StoredJob } from './store.ts'

/** Tickets that one call opens or closes. */
export const MOST_IN_A_CALL = 100

interface Tickets {
  store: QueueStore
  clock: Clock
  queue: string
  fence: number
  tickets: StoredJob[]
  keptFailures: number
  isOver: () => boolean
}

/** What is to be done for each ticket, by its number. Tries until the store answers, or it is over. */
export async function openTickets(all: Tickets): Promise<Map<string, Opening>> {
  const openings = new Map<string, Opening>()
  const kinds = [all.tickets.filter(isKeyed), all.tickets.filter((job) => !isKeyed(job))]
  for (const tickets of kinds.flatMap(inParts)) {
    for (const [index, opening] of (await openPart({ ...all, tickets })).entries()) {
      openings.set(tickets[index]?.id ?? '', opening)
    }
  }
  return openings
}

const isKeyed = ({ key }: StoredJob) => key !== undefined

/** As many at a time as one call takes. */
function inParts<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / MOST_IN_A_CALL)
  return Array.from({ length: count }, (_, part) =>
    all.slice(part * MOST_IN_A_CALL, (part + 1) * MOST_IN_A_CALL),
  )
}

/** A record that something else wrote must not keep the others from being opened. */
async function openPart(part: Tickets): Promise<Opening[]> {
  const { clock, isOver, tickets } = part
  const call = (): Promise<Opening[] | { error: unknown }> =>
    openOnce(part).catch((error: unknown) => {
      if (!isOfRecord(error)) throw error
      return { error }
    })
  const answer = await untilAnswered({ clock, call, isOver })
  if (answer === null || Array.isArray(answer)) return answer ?? []
  if (tickets.length === 1)
    return [{ tag: 'bury', payload: 'null', reason: reasonOf(answer.error) }]
  const openings: Opening[] = []
  for (const one of tickets) openings.push(...(await openPart({ ...part, tickets: [one] })))
  return openings
}

/** Who is refused, whatever it asks for, learns nothing of records: a password that was changed harms none. */
const isOfRecord = (error: unknown) =>
  error instanceof StoreCorruptError ||
  error instanceof InternalError ||
  !(error instanceof SluiceError)

/** Tickets of one kind. */
function openOnce({ store, queue, fence, tickets, keptFailures }: Tickets): Promise<Opening[]> {
  if (tickets.some(isKeyed)) {
    const keyed = tickets.map(({ id, key = '' }) => ({ id, key }))
    return store.openStrands(queue, fence, keyed)
  }
  const named = tickets.map(({ id, name, attempt, crashes }) => {
    return { number: id, name: name ?? '', attempt, crashes }
  })
  return store.openRecords({ queue, fence, tickets: named, keptFailures })
}

const reasonOf = (error: unknown) =>
  `its record could not be read: ${error instanceof Error ? error.message : String(error)}`.slice(
    0,
    LONGEST_REASON,
  )
