import type { Transaction } from '../../engine/sqlite/engine.ts'

/** A batch of a producer, which numbers them. */
interface Batch {
  queue: number
  producer: string
  sequence: number
  lastAdded?: number | undefined
}

/** The first of those batches of a producer up to this one of which it knows none that is missing here. */
export function unbrokenFrom(
  last: { sequence: number; unbrokenFrom: number } | undefined,
  sequence: number,
  lastAdded: number,
): number {
  return last && last.sequence >= lastAdded ? last.unbrokenFrom : sequence
}

/**
 * Does what a batch asks for, once: the same batch again gets the same answers, and an older one none.
 * Not for plain jobs, whose answers are one number.
 */
export function answerOnce<Answer>(
  transaction: Transaction,
  { queue, producer, sequence, lastAdded = 0 }: Batch,
  work: () => Answer[],
): Answer[] {
  const last = transaction.get<{ sequence: number; unbrokenFrom: number; answers: string }>(
    `SELECT sequence, unbroken_from AS unbrokenFrom, answers FROM named_producer
     WHERE queue = ? AND name = ?`,
    queue,
    producer,
  )
  if (last && last.sequence > sequence) return []
  if (last && last.sequence === sequence) return JSON.parse(last.answers)
  const answers = work()
  transaction.run(
    `INSERT INTO named_producer (queue, name, sequence, unbroken_from, answers, added_us)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (queue, name) DO UPDATE SET sequence = excluded.sequence,
       unbroken_from = excluded.unbroken_from, answers = excluded.answers,
       added_us = excluded.added_us`,
    queue,
    producer,
    sequence,
    unbrokenFrom(last, sequence, lastAdded),
    JSON.stringify(answers),
    transaction.nowUs,
  )
  return answers
}
