import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { EndedState, RecordState } from '../record-store.ts'

export interface RecordRow {
  id: number
  queue: number
  name: string
  state: RecordState
  number: number
  ticket: number
  maxAttempts: number
  payload: string
  dueUs: number
  attempt: number
  fence: number
  progress: string | null
  countedBytes: number
  quietUs: number
  nextNumber: number | null
  nextPayload: string | null
  nextDueUs: number | null
  nextMaxAttempts: number | null
  endedNumber: number | null
  endedAs: EndedState | null
  endedUs: number | null
  result: string | null
  reason: string | null
  gate: string | null
  history: string | null
  crashes: number
}

const COLUMNS = `id, queue, name, state, number, ticket, max_attempts AS maxAttempts, payload, due_us AS dueUs,
  attempt, fence, progress, counted_bytes AS countedBytes, quiet_us AS quietUs, next_number AS nextNumber, next_payload AS nextPayload,
  next_due_us AS nextDueUs, next_max_attempts AS nextMaxAttempts, ended_number AS endedNumber,
  ended_as AS endedAs, ended_us AS endedUs, result, reason, gate, history, crashes`

/** Undefined where there is none, or it has been remembered long enough. */
export function findRecord(
  transaction: Transaction,
  queue: number | null,
  name: string,
): RecordRow | undefined {
  return transaction.get<RecordRow>(
    `SELECT ${COLUMNS} FROM record
     WHERE queue = ? AND name = ? AND (until_us IS NULL OR until_us > ?)`,
    queue,
    name,
    transaction.nowUs,
  )
}

export const lives = ({ state }: RecordRow) =>
  state === 'waiting' || state === 'running' || state === 'cancelling'
