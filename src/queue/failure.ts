import { UnrecoverableError } from '../errors.ts'
import type { DelayAfter } from './backoff.ts'
import type { Settlement } from './outbox.ts'
import type { StoredJob } from './store.ts'

/** Reasons of dead letters are cut at this length. */
export const LONGEST_REASON = 1_000

/** What becomes of a job whose attempt failed by `error`. */
export function settlementOf(job: StoredJob, error: unknown, delayAfter: DelayAfter): Settlement {
  const failures = job.attempt + 1
  if (failures >= job.maxAttempts || error instanceof UnrecoverableError) {
    return { tag: 'death', reason: reasonOf(error) }
  }
  return { tag: 'retry', delayMs: delayAfter(failures, error), failed: true }
}

/** What a dead letter says of the last error: its name and message, never its stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof UnrecoverableError) return error.message.slice(0, LONGEST_REASON)
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, LONGEST_REASON)
}
