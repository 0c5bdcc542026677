import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import { packHistory } from '../history.ts'
import type { CloseVerdict } from '../record-store.ts'
import type { Retention } from '../retention.ts'
import type { KeyedEnding, StrandStore } from '../strand-store.ts'
import { addKeyedBatch } from './add.ts'
import { findQueue } from './epochs.ts'
import { tellEvents } from './events.ts'
import { retainDone } from './retained.ts'
import { buryTicket, firstOf, takeOff } from './strands.ts'

/** Jobs of keys in the table `strand_job`; the tickets of the first ones are in `job`. */
export function sqliteStrandStore(
  engine: SqliteEngine,
  hint: (queue: string) => void,
  eventsKept: number,
  retention: Retention | null,
): StrandStore {
  return {
    async addKeyed(request) {
      const { answer, isNews } = await engine.write((transaction) =>
        addKeyedBatch(transaction, request, eventsKept),
      )
      if (isNews) hint(request.queue)
      return answer
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
        const closed = endings.map((ending) => close(transaction, queue, ending, retention))
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
  { id, key, fence, attempt, reason, history, note }: KeyedEnding,
  retention: Retention | null,
): { verdict: CloseVerdict; isNews: boolean; event?: NewEvent } {
  const first = queue === undefined ? undefined : firstOf(transaction, queue, key)
  if (queue === undefined || !first || String(first.number) !== id) {
    return { verdict: 'closed', isNews: false }
  }
  if (first.fence !== fence) return { verdict: 'stale', isNews: false }
  if (reason !== null) buryTicket(transaction, queue, first, { reason, note })
  if (reason === null && retention) {
    const past = history && history.length > 0 ? packHistory(history) : null
    const done = { ...first, name: null, strand: key, attempt, result: null, history: past }
    retainDone(transaction, queue, done, retention)
  }
  const event: NewEvent = reason === null ? { type: 'done', id } : { type: 'dead', id, reason }
  return { verdict: 'closed', isNews: takeOff(transaction, queue, key, first), event }
}
