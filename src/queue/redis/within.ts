import type { RedisEngine } from '../../engine/redis/engine.ts'
import { WITHIN } from '../add-store.ts'
import type { QueueStore } from '../store.ts'
import { addCall, addNamedCall } from './adds.ts'
import type { QueueKeys } from './keys.ts'
import { learnLine } from './line.ts'
import * as scripts from './scripts.gen.ts'

/** Nobody repeats a transaction of the user's. */
const UNNUMBERED = { producer: 'none', sequence: 0 }

/** EXEC answers the id of a plain job, and of one by name whether it is new. */
const TOLD = {
  add: { tag: 'added', answer: "string.format('%016.0f', reply[2])" },
  addNamed: { tag: 'added', answer: 'tonumber(string.sub(reply[2], 17))' },
}

export function redisWithin(
  engine: RedisEngine,
  keysOf: (queue: string) => QueueKeys,
  eventsKept: number,
): Pick<QueueStore, 'addWithin'> {
  const learning = new Set<QueueKeys>()

  /**
   * The answers of the scripts are the user's. Who never learned where the line goes on could close
   * no list that has grown long: so that is looked up, for the next add.
   */
  async function learn(known: QueueKeys): Promise<void> {
    if (learning.has(known)) return
    learning.add(known)
    try {
      const fields = ['next_segment', 'timed', 'ranked']
      const kept = (await engine.command('HMGET', known.meta, ...fields)) as (string | null)[]
      const [tailNumber = 0, filling = 0, rankFilling = 0] = kept.map((text) =>
        Number.parseInt(text ?? '0', 10),
      )
      learnLine(known, { tailNumber, filling, rankFilling })
    } finally {
      learning.delete(known)
    }
  }

  return {
    addWithin(transaction, { queue, job, ...limits }) {
      const known = keysOf(queue)
      if ('name' in job) {
        const { keys, args } = addNamedCall(
          known,
          { ...UNNUMBERED, ...limits, jobs: [job] },
          eventsKept,
        )
        engine.within(transaction, WITHIN, scripts.addNamed, keys, args, TOLD.addNamed)
      } else {
        const { keys, args } = addCall(known, { ...UNNUMBERED, ...limits, jobs: [job] }, eventsKept)
        engine.within(transaction, WITHIN, scripts.add, keys, args, TOLD.add)
      }
      learn(known).catch(() => {})
      return null
    },
  }
}
