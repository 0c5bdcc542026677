import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import type { CloseVerdict } from '../record-store.ts'
import type { KeyedEnding, StrandStore } from '../strand-store.ts'
import { addedEvent } from './add.ts'
import { answerOnce } from './batches.ts'
import { ensureQueue, findQueue } from './epochs.ts'
import { tellEvents } from './events.ts'
import { addKeyed, buryTicket, firstOf, takeOff } from './strands.ts'

/** Jobs of keys in the table `strand_job`; the tickets of the first ones are in `job`. */
export function sqliteStrandStore(
  engine: SqliteEngine,
  hint: (queue: string) => void,
  eventsKept: number,
): StrandStore {
  return {
    async addKeyed({ queue: name, producer, sequence, jobs }) {
      let isNews = false
      const ids = await engine.write((transaction) => {
        const queue = ensureQueue(transaction, name).id
        return answerOnce(transaction, { queue, producer: `${producer}:keyed`, sequence }, () => {
          const added = addKeyed(transaction, queue, jobs)
          isNews = added.some((one) => one.isNews)
          tellEvents(transaction, name, eventsKept, () =>
            added.flatMap(({ id }) => (id === null ? [] : addedEvent(id))),
          )
          return added.map(({ id }) => id)
        })
      })
      if (isNews) hint(name)
      return ids
    },

    openStrands: (name, fence, tickets) =>
      engine.write((transaction) => {
        const queue = findQueue(transaction, name)?.id ?? null
        return tickets.map(({ id, key }) => {
          const first = firstOf(transaction, queue, key)
          if (!first || String(first.number) !== id || first.fence > fence) return { tag: 'drop' }
          transaction.run('UPDATE strand_job SET fence = ? WHERE place = ?', fence, first.place)
          return { tag: 'run', payload: first.payload }
        })
      }),

    async closeStrands(name, endings) {
      const ended = await engine.write((transaction) => {
        const queue = findQueue(transaction, name)?.id
        const closed = endings.map((ending) => close(transaction, queue, ending))
        tellEvents(transaction, name, eventsKept, () => closed.flatMap(({ event }) => event ?? []))
        return closed
      })
      if (ended.some(({ isNews }) => isNews)) hint(name)
      return ended.map(({ verdict }) => verdict)
    },
  }
}

function close(
  transaction: Transaction,
  queue: number | undefined,
  { id, key, fence, reason, note }: KeyedEnding,
): { verdict: CloseVerdict; isNews: boolean; event?: NewEvent } {
  const first = queue === undefined ? undefined : firstOf(transaction, queue, key)
  if (queue === undefined || !first || String(first.number) !== id) {
    return { verdict: 'closed', isNews: false }
  }
  if (first.fence !== fence) return { verdict: 'stale', isNews: false }
  if (reason !== null) buryTicket(transaction, queue, first, { reason, note })
  const event: NewEvent = reason === null ? { type: 'done', id } : { type: 'dead', id, reason }
  return { verdict: 'closed', isNews: takeOff(transaction, queue, key, first), event }
}
