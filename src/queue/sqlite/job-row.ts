import { unpackHistory } from '../history.ts'
import type { StoredJob } from '../store.ts'

export interface JobRow {
  id: number
  payload: string
  attempt: number
  crashes: number
  maxAttempts: number
  deadlineUs: number | null
  name: string | null
  schedule: string | null
  slotUs: number | null
  /** Of a ticket that stands for the first job of a key; of a dead job of a key as well. */
  strand: string | null
  history: string | null
}

export const JOB_COLUMNS = `id, payload, attempt, crashes, max_attempts AS maxAttempts, deadline_us AS deadlineUs, record AS name,
   schedule, slot_us AS slotUs, strand, history`

export function storedJob(row: JobRow): StoredJob {
  const { id, deadlineUs: _, schedule, slotUs, strand, history, ...job } = row
  const stored: StoredJob = {
    ...job,
    id: String(id),
    ...(strand === null ? {} : { key: strand }),
    ...(schedule === null || slotUs === null
      ? {}
      : { schedule: { name: schedule, slotAtMs: slotUs / 1000 } }),
  }
  return history === null ? stored : { ...stored, history: unpackHistory(history) }
}
