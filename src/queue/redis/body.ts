import type { NewJob, StoredJob } from '../store.ts'

/**
 * A job travels as one text: a header of 28 ASCII characters, its gates, its payload. Scripts patch
 * the header by position, `redis-cli` shows it, and a waiting job needs no key of its own.
 *
 *   1      format, `1`
 *   2      flags, `0`
 *   3-5    failed attempts
 *   6-8    attempts allowed
 *   9      crashes
 *   10     priority class, `0`
 *   11-26  id: the server's microseconds when it was added, moved up to be unique
 *   27-28  length of the gates that follow, hexadecimal
 */
const HEADER_LENGTH = 28
const FORMAT = '1'

/** A new job's body without its id: the add script puts that after the tenth character. */
export function packNewJob(job: NewJob): string {
  return `${FORMAT}0000${String(job.maxAttempts).padStart(3, '0')}0000${job.payload}`
}

/** Null for a text that no version of this format wrote. */
export function unpackJob(body: string): StoredJob | null {
  if (body[0] !== FORMAT || !/^\d{26}[\da-f]{2}/.test(body)) return null
  const gateLength = Number.parseInt(body.slice(26, HEADER_LENGTH), 16)
  return {
    id: body.slice(10, 26),
    attempt: Number(body.slice(2, 5)),
    maxAttempts: Number(body.slice(5, 8)),
    crashes: Number(body[8]),
    payload: body.slice(HEADER_LENGTH + gateLength),
  }
}
