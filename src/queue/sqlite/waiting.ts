import type { Transaction } from '../../engine/sqlite/engine.ts'

/** How much waits in a queue, or how much more or less. */
export interface Amount {
  jobs: number
  bytes: number
}

export const NO_AMOUNT: Amount = { jobs: 0, bytes: 0 }

export const sumOf = (amounts: readonly Amount[]): Amount => ({
  jobs: amounts.reduce((sum, { jobs }) => sum + jobs, 0),
  bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
})

/** Of jobs whose payloads are at hand. */
export function amountOf(jobs: readonly { payload: string }[]): Amount {
  let bytes = 0
  // Another program may have put something else than a text there.
  for (const { payload } of jobs) bytes += Buffer.byteLength(payload ?? '')
  return { jobs: jobs.length, bytes }
}

/** Every change of what waits is told, in the transaction that makes it. */
export function noteWaiting(
  transaction: Transaction,
  queue: number,
  { jobs, bytes }: Amount,
): void {
  transaction.run(
    'UPDATE queue SET waiting = waiting + ?, waiting_bytes = waiting_bytes + ? WHERE id = ?',
    jobs,
    bytes,
    queue,
  )
}
