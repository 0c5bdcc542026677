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

/** What is no id belongs to nobody. */
export const rowId = (id: string) => (/^\d{1,16}$/.test(id) ? Number(id) : 0)

/** Not spread: what nearly no job has would cost each of them as much as all the rest. */
export function storedJob(row: JobRow): StoredJob {
  const { schedule, slotUs, strand, history } = row
  const job: StoredJob = {
    id: String(row.id),
    payload: row.payload,
    name: row.name,
    attempt: row.attempt,
    crashes: row.crashes,
    maxAttempts: row.maxAttempts,
  }
  if (strand !== null) job.key = strand
  if (schedule !== null && slotUs !== null) {
    job.schedule = { name: schedule, slotAtMs: slotUs / 1000 }
  }
  if (history !== null) job.history = unpackHistory(history)
  return job
}
