import { toUs } from '../../duration.ts'
import type { AddNamedRequest } from '../record-store.ts'
import type { AddRequest } from '../store.ts'
import { hasFlags, packNewJob, packTicketHeader } from './body.ts'
import { deadlineText, duesText, dueText } from './due.ts'
import type { QueueKeys } from './keys.ts'
import { toldLineOf } from './line.ts'

/**
 * What the add script is called with.
 * @param isBehind the batch before it is under way
 */
export function addCall(
  known: QueueKeys,
  request: Omit<AddRequest, 'queue'>,
  eventsKept: number,
  isBehind = false,
) {
  const { producer, sequence, lastAdded = 0, jobs, maxLength = 0, maxBytes = 0 } = request
  const { tailNumber, fillingName, rankFillingName } = known
  return {
    keys: {
      ...known,
      tailSegment: known.segment(tailNumber),
      filling: known.timed(fillingName),
      rankFilling: known.ranked(rankFillingName),
      producer: known.producer(producer),
    },
    args: {
      ...{ tailNumber, fillingName, rankFillingName, sequence, lastAdded, maxLength, maxBytes },
      eventsKept,
      isBehind: isBehind ? 1 : 0,
      dues: duesText(jobs),
      hasFlags: jobs.some(hasFlags) ? 1 : 0,
      bodies: jobs.map((job) => ({ body: packNewJob(job) })),
    },
  }
}

/** The same of the script that adds by name. */
export function addNamedCall(
  known: QueueKeys,
  request: Omit<AddNamedRequest, 'queue'>,
  eventsKept: number,
) {
  const { producer, sequence, lastAdded = 0, jobs, maxLength = 0, maxBytes = 0 } = request
  const { keys, args, learn } = toldLineOf(known)
  const named = jobs.flatMap(({ name }) => [known.record(name), known.log(name)])
  return {
    keys: { keys: [...keys, known.producer(`${producer}:named`), ...named] },
    args: {
      ...args,
      sequence,
      lastAdded,
      maxLength,
      maxBytes,
      eventsKept,
      jobs: jobs.map((job) => ({
        name: job.name,
        mode: job.mode,
        quietUs: toUs(job.quietMs),
        due: dueText(job),
        deadline: deadlineText(job),
        header: packTicketHeader(job, 'record'),
        payload: job.payload,
      })),
    },
    learn,
  }
}
