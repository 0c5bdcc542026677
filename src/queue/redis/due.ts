import { toUs } from '../../duration.ts'
import type { NewJob } from '../store.ts'

/** When jobs are due, as the add script reads it: nothing if all are due now. */
export function duesText(jobs: NewJob[]): string {
  if (jobs.every(({ delayMs, dueAtMs }) => delayMs === 0 && dueAtMs === undefined)) return ''
  return jobs.map((job) => `${dueText(job)},`).join('')
}

export function dueText({ delayMs, dueAtMs }: Pick<NewJob, 'delayMs' | 'dueAtMs'>): string {
  if (dueAtMs !== undefined) return `@${toUs(dueAtMs)}`
  return delayMs === 0 ? '' : `+${toUs(delayMs)}`
}

/** When a job by name may no longer be begun: nothing if it always may. */
export const deadlineText = ({ deadlineMs = 0, deadlineAtMs }: NewJob): string =>
  dueText(
    deadlineAtMs === undefined ? { delayMs: deadlineMs } : { delayMs: 0, dueAtMs: deadlineAtMs },
  )
