import type { Clock } from '../clock.ts'
import { untilAnswered } from './again.ts'
import type { FailedAttempt } from './history.ts'
import { quiet, type Settlement } from './outbox.ts'
import { encodeResult } from './payload.ts'
import type { CloseVerdict, Closing, RecordOutcome, Running } from './record-store.ts'
import type { QueueStore } from './store.ts'
import type { KeyedEnding } from './strand-store.ts'

/** A ticket whose job runs here. */
export interface Ticket extends Running {
  number: string
  /** Whose first job it is; null where it has a record, and no key. */
  key: string | null
  /** Failed attempts before this one. */
  attempt: number
  payload: string
  history: FailedAttempt[] | undefined
  isCancelled: boolean
}

/** Its job waits for a gate, and its ticket is to be behind it. */
export interface Shut {
  tag: 'park'
  gate: string
}

/** A ticket whose job has ended here, and whose record or key does not know it yet. */
export interface Ended {
  ticket: Ticket
  settlement: Settlement | Shut
  asker: { resolve: () => void; reject: (error: unknown) => void } | null
}

interface Terms {
  store: QueueStore
  clock: Clock
  queue: string
  rememberMs: number
  isOver: () => boolean
}

/** What the store says to each end. Tries until it answers, or it is over: nothing of those it was not told. */
export async function closeTickets(
  terms: Terms,
  batch: readonly Ended[],
): Promise<Map<Ended, CloseVerdict>> {
  const { store, clock, queue, rememberMs, isOver } = terms
  const verdicts = new Map<Ended, CloseVerdict>()
  async function close(part: Ended[], call: () => Promise<CloseVerdict[]>): Promise<void> {
    if (part.length === 0) return
    const answer = await untilAnswered({ clock, call, isOver })
    for (const [index, ended] of part.entries()) {
      const verdict = answer?.[index]
      if (verdict) verdicts.set(ended, verdict)
    }
  }

  const named = batch.filter(({ ticket }) => ticket.key === null)
  const closings = named.map(closingOf)
  const keyed = batch.filter(({ ticket }) => ticket.key !== null)
  const last = keyed.filter(({ settlement }) => hasEnded(settlement))
  const endings = last.map(endingOf)
  // A job that comes back stays the first of its key, as its ticket is still there.
  for (const ended of keyed) if (!hasEnded(ended.settlement)) verdicts.set(ended, 'closed')
  await Promise.all([
    close(named, () => store.closeRecords({ queue, rememberMs, closings })),
    close(last, () => store.closeStrands(queue, endings)),
  ])
  return verdicts
}

const hasEnded = ({ tag }: Settlement | Shut) => tag === 'ack' || tag === 'death'

const closingOf = ({ ticket: { name, fence }, settlement }: Ended): Closing => ({
  ...{ name, fence },
  outcome: outcomeOf(settlement),
})

const endingOf = ({ ticket, settlement }: Ended): KeyedEnding => ({
  id: ticket.number,
  key: ticket.key ?? '',
  fence: ticket.fence,
  attempt: ticket.attempt,
  reason: settlement.tag === 'death' ? settlement.reason : null,
  history: ticket.history,
  note: settlement.tag === 'death' ? settlement.note : undefined,
})

function outcomeOf(settlement: Settlement | Shut): RecordOutcome {
  switch (settlement.tag) {
    case 'park':
      return { tag: 'back', delayMs: 0, gate: settlement.gate }
    case 'ack':
      return { tag: 'done', ...encodeResult(settlement.result) }
    case 'death':
      return { tag: 'dead', reason: settlement.reason, note: settlement.note }
    case 'retry':
      return settlement.failed
        ? { tag: 'retry', delayMs: settlement.delayMs, note: settlement.note }
        : { tag: 'back', delayMs: settlement.delayMs }
  }
}

/** What is still to be told of a ticket, once its record or key knows of its end. */
export function restOf(
  settlement: Settlement,
  { key, name, payload, history }: Ticket,
): Settlement {
  if (settlement.tag === 'death') return quiet({ ...settlement, payload, name, history })
  if (settlement.tag === 'ack') return quiet(settlement)
  // A record has the history of its job, and was told; that of a job with a key goes on with its ticket.
  return key === null ? quiet({ ...settlement, note: undefined }) : settlement
}
