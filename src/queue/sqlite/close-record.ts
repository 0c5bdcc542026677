import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import { type CloseVerdict, type Closing, type EndedState, LEAST_DEAD_MS } from '../record-store.ts'
import type { Retention } from '../retention.ts'
import { noteInRecord } from './history.ts'
import type { RecordRow } from './record-row.ts'
import { type Ending, endRecord } from './records.ts'
import { retainDone } from './retained.ts'

interface Closed {
  verdict: CloseVerdict
  /** What became of the job; left out where nothing did. */
  ending?: EndedState | { attempt: number }
  isNews: boolean
}

const unchanged = (verdict: CloseVerdict): Closed => ({ verdict, isNews: false })

/** Ends a delivery of the job of a record. */
export function closeRecord(
  transaction: Transaction,
  found: RecordRow | undefined,
  { fence, outcome }: Closing,
  { rememberMs, retention }: { rememberMs: number; retention: Retention | null },
): Closed {
  if (!found || found.fence !== fence) return unchanged('stale')
  const end = (ending: Omit<Ending, 'rememberMs'>, keptMs = rememberMs): Closed => ({
    verdict: ending.state === 'cancelled' ? 'cancelled' : 'closed',
    ending: ending.state,
    isNews: endRecord(transaction, found, { ...ending, rememberMs: keptMs }),
  })
  const cancelled = { state: 'cancelled', result: null, reason: null } as const
  if (found.state === 'cancelling') return end(cancelled)
  if (found.state !== 'running')
    return unchanged(found.state === 'cancelled' ? 'cancelled' : 'closed')
  switch (outcome.tag) {
    case 'done':
      if (retention) {
        const kept = { ...found, strand: null, result: outcome.result }
        retainDone(transaction, found.queue, kept, retention)
      }
      return end({ state: 'done', result: outcome.result, reason: outcome.reason })
    case 'dead': {
      noteInRecord(transaction, found, outcome.note)
      // Its ticket may come back, to be buried, when the lease of a worker that crashed is over.
      const keptMs = Math.max(rememberMs, LEAST_DEAD_MS)
      return end({ state: 'dead', result: null, reason: outcome.reason }, keptMs)
    }
    case 'cancelled':
      return end(cancelled)
    default: {
      if (outcome.tag === 'retry') noteInRecord(transaction, found, outcome.note)
      const { tag, delayMs } = outcome
      const failed = tag === 'retry' ? 1 : 0
      transaction.run(
        `UPDATE record SET state = 'waiting', attempt = attempt + ?, due_us = ?, gate = ? WHERE id = ?`,
        failed,
        delayMs > 0 ? transaction.nowUs + toUs(delayMs) : 0,
        outcome.tag === 'back' ? (outcome.gate ?? null) : null,
        found.id,
      )
      const closed = unchanged('closed')
      return failed === 1 ? { ...closed, ending: { attempt: found.attempt + 1 } } : closed
    }
  }
}

/** What is to be told of it. */
export function closedEvent({ name, outcome }: Closing, ending: Closed['ending']): NewEvent | null {
  if (ending === undefined) return null
  if (typeof ending === 'object') return { type: 'retried', name, ...ending }
  const reason = 'reason' in outcome ? (outcome.reason ?? '') : ''
  return ending === 'dead' ? { type: ending, name, reason } : { type: ending, name }
}
