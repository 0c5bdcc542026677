import type { Gates } from '../gate/gate.ts'
import type { ListedGate } from './listing-store.ts'
import type { WholeQueue } from './whole-queue.ts'
import { lookAt } from './why.ts'

/** A gate behind which jobs of a queue are parked. */
export interface GateRow {
  /** Such as `lock:user:42`. */
  gate: string
  /** Jobs of the queue behind it. */
  parked: number
  /** Who holds it, or what is left of a limit; null where nobody does. */
  inTheWay: string | null
  /** Callers and queues in its line, 100 at most. */
  waiting: number
}

/** Gates that are looked at. */
const MOST_LOOKED_AT = 100

/** The gates with the most parked jobs, of the first hundred that are found. */
export async function busiestGates(
  store: WholeQueue,
  gates: Pick<Gates, 'open'>,
  queue: string,
  limit: number,
): Promise<GateRow[]> {
  const found = await store.listGates(queue, { limit: MOST_LOOKED_AT })
  const busiest = found.sort(byCount).slice(0, limit)
  return Promise.all(
    busiest.map(async ({ name, terms, count }) => {
      const { text, line } = await lookAt(() => gates.open(terms))
      return { gate: name, parked: count, inTheWay: text, waiting: line.length }
    }),
  )
}

/** In a steady order, so that rows do not jump about between two looks. */
function byCount(a: ListedGate, b: ListedGate): number {
  return b.count - a.count || (a.name < b.name ? -1 : 1)
}
