import type { Transaction } from '../../engine/sqlite/engine.ts'

/** A batch of a producer, which numbers them. */
interface Batch {
  queue: number
  producer: string
  sequence: number
}

/**
 * Does what a batch asks for, once: the same batch again gets the same answers, and an older one none.
 * Not for plain jobs, whose answers are one number.
 */
export function answerOnce<Answer>(
  transaction: Transaction,
  { queue, producer, sequence }: Batch,
  work: () => Answer[],
): Answer[] {
  const last = transaction.get<{ sequence: number; answers: string }>(
    'SELECT sequence, answers FROM named_producer WHERE queue = ? AND name = ?',
    queue,
    producer,
  )
  if (last && last.sequence > sequence) return []
  if (last && last.sequence === sequence) return JSON.parse(last.answers)
  const answers = work()
  transaction.run(
    `INSERT INTO named_producer (queue, name, sequence, answers, added_us) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (queue, name) DO UPDATE SET sequence = excluded.sequence,
       answers = excluded.answers, added_us = excluded.added_us`,
    queue,
    producer,
    sequence,
    JSON.stringify(answers),
    transaction.nowUs,
  )
  return answers
}
