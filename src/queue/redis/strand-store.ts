import type { RedisEngine } from '../../engine/redis/engine.ts'
import { QueueFullError } from '../errors.ts'
import type { StrandStore } from '../strand-store.ts'
import { ID_LENGTH, packTicketHeader } from './body.ts'
import { dueText } from './due.ts'
import type { QueueKeys } from './keys.ts'
import { lineOf } from './line.ts'
import { readOpening } from './record-store.ts'
import * as scripts from './scripts.gen.ts'

/** Makes dead jobs the last ones of their keys. Answers how many. */
export function keyedRedrive(engine: RedisEngine, keysOf: (queue: string) => QueueKeys) {
  return async (queue: string, letters: { key: string; letter: string }[]): Promise<number> => {
    const known = keysOf(queue)
    const { keys, args, learn } = lineOf(known)
    const strands = letters.map(({ key }) => known.strand(key))
    const answer = await engine.call(
      scripts.redriveStrands,
      { keys: [...keys, known.dead, ...strands] },
      { ...args, letters },
    )
    learn(answer)
    return answer.count
  }
}

const REFUSED = '0'.repeat(ID_LENGTH)

/** Jobs of keys on Redis. Their keys are described in `strands.lua`. */
export function redisStrandStore(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
): StrandStore {
  return {
    async addKeyed(request) {
      const { queue, producer, sequence, jobs, maxLength = 0, maxBytes = 0 } = request
      const known = keysOf(queue)
      const { keys, args, learn } = lineOf(known)
      const strands = jobs.map(({ key }) => known.strand(key))
      const answer = await engine.call(
        scripts.addKeyed,
        { keys: [...keys, known.producer(`${producer}:keyed`), ...strands] },
        {
          ...args,
          sequence,
          maxLength,
          maxBytes,
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
      const { keys, args, learn } = lineOf(known)
      const answer = await engine.call(
        scripts.closeStrands,
        { keys: [...keys, known.dead, ...endings.map(({ key }) => known.strand(key))] },
        {
          ...args,
          closings: endings.map(({ id, reason, ...ending }) => ({
            ...ending,
            number: id,
            outcome: reason === null ? 'done' : 'dead',
            reason: reason ?? '',
          })),
        },
      )
      learn(answer)
      return [...answer.verdicts].map((letter) => (letter === 'C' ? 'closed' : 'stale'))
    },
  }
}
