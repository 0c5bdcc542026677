import type { NewJob } from './store.ts'

/** How much may wait in a queue. */
export interface Limits {
  readonly maxLength: number | undefined
  readonly maxBytes: number | undefined
}

/**
 * Callers whose jobs shared a batch that was too big: those, from the first on, for whom there was room.
 * Never all of them, also where others have made room since.
 */
export function thoseThatFit<Caller extends { jobs: readonly NewJob[] }>(
  callers: readonly Caller[],
  { maxLength = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY }: Limits,
  waiting: { length: number; bytes: number },
): Caller[] {
  let { length, bytes } = waiting
  let count = 0
  for (const { jobs } of callers.slice(0, -1)) {
    length += jobs.length
    for (const { payload } of jobs) bytes += Buffer.byteLength(payload)
    if (length > maxLength || bytes > maxBytes) break
    count++
  }
  return callers.slice(0, count)
}
