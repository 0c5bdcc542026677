// What is done at random to a queue.
import fc from 'fast-check'
import { LEASE_MS } from '../../src/queue/bench.contract.ts'
import type { NewJob } from '../../src/queue/store.ts'

export const PLAYERS = 3

/** What is said of a job beside its delay. */
export type Way = Partial<Pick<NewJob, 'priority' | 'lifo' | 'deadlineMs'>> & { key?: string }

/** Batches of a producer: one, or two of which the second comes in front where they are swapped. */
export type UnderWay = 'one' | 'both' | 'swapped'

const player = fc.nat(PLAYERS - 1)
const delayMs = fc.constantFrom(0, 1, 400, 5_000)
const settlement = fc.oneof(
  fc.constant({ tag: 'ack' as const }),
  fc.record({ tag: fc.constant('retry' as const), delayMs }),
  fc.constant({ tag: 'handBack' as const }),
  fc.record({ tag: fc.constant('death' as const), reason: fc.constantFrom('', 'no', '限 "\'') }),
)
/** Half of all jobs are plain; beside a key nothing else may be said. */
const way: fc.Arbitrary<Way> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ priority: fc.constantFrom(-2, -1, 1, 2) }) },
  { weight: 1, arbitrary: fc.constant({ lifo: true }) },
  { weight: 1, arbitrary: fc.record({ deadlineMs: fc.constantFrom(1, 500, 6_000) }) },
  { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', '限 "\'') }) },
)

export const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('add' as const),
      player,
      count: fc.integer({ min: 1, max: 3 }),
      delayMs,
      way,
      underWay: fc.constantFrom<UnderWay>('one', 'one', 'both', 'swapped'),
      wantBehind: fc.constantFrom(0, 0, 1, 3),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('exchange' as const),
      player,
      want: fc.nat(3),
      settlements: fc.array(settlement, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('repeat' as const), player }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('late' as const), player, from: player }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('crash' as const), player }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('outlive' as const),
      player,
      by: player,
      want: fc.nat(1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 500, LEASE_MS / 4, LEASE_MS / 3, LEASE_MS / 3 + 1, LEASE_MS + 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('redrive' as const),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('purge' as const),
      limit: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('pause' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('resume' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('drain' as const) }) },
)
export type Action = typeof action extends fc.Arbitrary<infer One> ? One : never
