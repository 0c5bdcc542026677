import type { RedisEngine } from '../../engine/redis/engine.ts'
import { QueueFullError } from '../errors.ts'
import { noteText, packHistory } from '../history.ts'
import type { KeyedEnding, StrandStore } from '../strand-store.ts'
import { ID_LENGTH, packTicketHeader } from './body.ts'
import { dueText } from './due.ts'
import type { QueueKeys } from './keys.ts'
import { toldLineOf } from './line.ts'
import { readOpening } from './record-store.ts'
import type { RetainedArgs } from './retained.ts'
import * as scripts from './scripts.gen.ts'

/** Makes dead jobs the last ones of their keys. Answers how many. */
export function keyedRedrive(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
) {
  return async (queue: string, letters: { key: string; letter: string }[]): Promise<number> => {
    const known = keysOf(queue)
    const { keys, args, learn } = toldLineOf(known)
    const strands = letters.map(({ key }) => known.strand(key))
    const answer = await engine.call(
      scripts.redriveStrands,
      { keys: [...keys, known.dead, ...strands] },
      { ...args, eventsKept, letters },
    )
    learn(answer)
    return answer.count
  }
}

const REFUSED = '0'.repeat(ID_LENGTH)

function closingText(
  { id, reason, history = [], note, ...ending }: KeyedEnding,
  isRetained: boolean,
) {
  const hasPast = (reason !== null || isRetained) && (history.length > 0 || note !== undefined)
  return {
    ...ending,
    number: id,
    outcome: reason === null ? 'done' : 'dead',
    reason: reason ?? '',
    past: hasPast ? `${note ? noteText(note) : ''}\n${packHistory(history)}` : '',
  }
}

/** Jobs of keys on Redis. Their keys are described in `strands.lua`. */
export function redisStrandStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
  retained: RetainedArgs,
): StrandStore {
  return {
    async addKeyed(request) {
      const { queue, producer, sequence, jobs, maxLength = 0, maxBytes = 0 } = request
      const known = keysOf(queue)
      const { keys, args, learn } = toldLineOf(known)
      const strands = jobs.map(({ key }) => known.strand(key))
      const answer = await engine.call(
        scripts.addKeyed,
        { keys: [...keys, known.producer(`${producer}:keyed`), ...strands] },
        {
          ...args,
          ...{ sequence, maxLength, maxBytes, eventsKept },
          jobs: jobs.map((job) => ({
            key: job.key,
            due: dueText(job),
            header: packTicketHeader(job, 'strand'),
            payload: job.payload,
          })),
        },
      )
      if (answer.tag === 'stale') return []
      if (answer.tag === 'full') throw new QueueFullError(queue, request, answer)
      learn(answer)
      return jobs.map((_, index) => {
        const id = answer.ids.slice(index * ID_LENGTH, (index + 1) * ID_LENGTH)
        return id === REFUSED ? null : id
      })
    },

    async openStrands(queue, fence, tickets) {
      const known = keysOf(queue)
      const strands = tickets.map(({ key }) => known.strand(key))
      const numbers = tickets.map(({ id }) => ({ number: id }))
      const { openings } = await engine.call(
        scripts.openStrands,
        { strands },
        { fence, tickets: numbers },
      )
      return openings.map(readOpening)
    },

    async closeStrands(queue, endings) {
      const known = keysOf(queue)
      const { keys, args, learn } = toldLineOf(known)
      const answer = await engine.call(
        scripts.closeStrands,
        { keys: [...keys, known.dead, known.done, ...endings.map(({ key }) => known.strand(key))] },
        {
          ...args,
          ...retained,
          eventsKept,
          closings: endings.map((ending) => closingText(ending, retained.retainCount > 0)),
        },
      )
      learn(answer)
      return [...answer.verdicts].map((letter) => (letter === 'C' ? 'closed' : 'stale'))
    },
  }
}
