import { toUs } from '../../duration.ts'
import { StoreCorruptError } from '../../errors.ts'
import type { ListedJob } from '../listing-store.ts'
import type { Retention } from '../retention.ts'
import type { StoredJob } from '../store.ts'

/** What scripts are told of the jobs that are to be kept. */
export interface RetainedArgs {
  retainCount: number
  retainUs: number
}

export const retainedArgs = (retention: Retention | null): RetainedArgs => ({
  retainCount: retention?.count ?? 0,
  retainUs: retention ? toUs(retention.ageMs) : 0,
})

/** The parts of an entry in front of a body, in bytes: see `retained.lua`. */
const [NUMBER_END, DONE_END, FRAME_LENGTH, NAME_AT, RESULT_AT] = [16, 32, 72, 64, 67]

/** @throws {StoreCorruptError} for what no version of sluice wrote */
export function readRetained(
  key: string,
  entry: string,
  unpack: (body: string) => StoredJob,
): ListedJob {
  const frame = entry.slice(0, FRAME_LENGTH)
  if (!/^\d{72}$/.test(frame)) {
    throw new StoreCorruptError(key, `${key} holds an entry that sluice did not write.`)
  }
  const bytes = Buffer.from(entry)
  const nameEnd = FRAME_LENGTH + Number(frame.slice(NAME_AT, RESULT_AT))
  const resultEnd = nameEnd + Number(frame.slice(RESULT_AT))
  const name = bytes.toString('utf8', FRAME_LENGTH, nameEnd)
  const result = bytes.toString('utf8', nameEnd, resultEnd)
  const job: ListedJob = {
    ...unpack(bytes.toString('utf8', resultEnd)),
    doneAtMs: Number(frame.slice(NUMBER_END, DONE_END)) / 1000,
  }
  if (name !== '') job.name = name
  if (result !== '') job.result = result
  return job
}
