// Whether a call claimed what it was to claim, in an order that the model allows.
import { expect } from 'vitest'
import type { ExchangeAnswer } from '../../src/queue/store.ts'
import type { Expected } from './queue-model.ts'

/** `overdue` are those that it found as well, and buried. */
export function expectClaim(
  { jobs, more }: ExchangeAnswer & { tag: 'ok' },
  expected: Pick<Expected, 'suspects' | 'order'>,
  { want, overdue }: { want: number; overdue: string[] },
): void {
  const claimed = jobs.map(({ id }) => id)
  const found = new Set([...claimed, ...overdue])
  expect(found.size).toBe(claimed.length + overdue.length)
  const suspects = expected.suspects.filter((id) => found.has(id))
  expect(suspects).toHaveLength(want > 0 ? Math.min(1, expected.suspects.length) : 0)

  // None is left out that goes before one that was found.
  const order = expected.order.flatMap((ids) => ids.toSorted(byPresence(found)))
  const count = found.size - suspects.length
  expect(new Set([...suspects, ...order.slice(0, count)])).toEqual(found)
  // A call that knew an old bucket may find fewer than there are, and says so.
  const isAll = count === Math.min(want - suspects.length, order.length)
  if (!isAll) expect(more).toBe(true)
  expect(count).toBeLessThanOrEqual(Math.max(0, want - suspects.length))

  const places = expected.order.map((ids) => new Set(ids))
  const placeOf = (id: string) => places.findIndex((ids) => ids.has(id))
  expect(claimed.map(placeOf)).toEqual(claimed.map(placeOf).toSorted((a, b) => a - b))
}

/** Those that were found in front, where the order is open. */
const byPresence = (found: ReadonlySet<string>) => (a: string, b: string) =>
  Number(found.has(b)) - Number(found.has(a))
