import { JobTimeoutError, UnrecoverableError } from '../errors.ts'
import type { Acquirable, Gate } from '../gate/gate.ts'
import type { DelayAfter } from './backoff.ts'
import { Defer, deferralOf, type Ending } from './defer.ts'
import { type FailureKind, noteOf } from './history.ts'
import type { Settlement } from './outbox.ts'
import type { StoredJob } from './store.ts'

/** Reasons of dead letters are cut at this length. */
export const LONGEST_REASON = 1_000

/** What a queue says of failures. */
export interface FailureTerms {
  delayAfter: DelayAfter
  /** Failed attempts that are kept with a job. */
  keptFailures: number
  /** @throws {ArgumentError} for what a job of it cannot wait for */
  gateOf: (handle: Acquirable) => Gate
}

/** What becomes of a job whose attempt failed by `error`, or is put off by it. */
export function settlementOf(
  job: StoredJob,
  error: unknown,
  terms: FailureTerms,
  kind: FailureKind = error instanceof JobTimeoutError ? 'timeout' : 'failed',
): Ending {
  if (!(error instanceof Defer)) return failureOf(job, error, terms, kind)
  try {
    return deferralOf(job, error.until, terms.gateOf)
  } catch (refused) {
    return failureOf(job, refused, terms, kind)
  }
}

function failureOf(
  job: StoredJob,
  error: unknown,
  { delayAfter, keptFailures }: FailureTerms,
  kind: FailureKind,
): Settlement {
  const failures = job.attempt + 1
  const isLast = failures >= job.maxAttempts || error instanceof UnrecoverableError
  const settlement: Settlement = isLast
    ? { tag: 'death', reason: reasonOf(error) }
    : { tag: 'retry', delayMs: delayAfter(failures, error), failed: true }
  if (keptFailures === 0) return settlement
  return { ...settlement, ...noteOf(keptFailures, kind, reasonOf(error)) }
}

/** What a dead letter says of the last error: its name and message, never its stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof UnrecoverableError) return error.message.slice(0, LONGEST_REASON)
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, LONGEST_REASON)
}
