import { ArgumentError, EngineUnavailableError } from '../errors.ts'
import { count, type Reader, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import type { Demand } from './add-store.ts'

/** What has to have a job before its `add` resolves. */
export type Durability = 'replica' | 'fsync' | { replicas: number }

const MOST_REPLICAS = 100
const EXPECTED = "'replica', 'fsync' or { replicas }"

export const readDurability: Reader<Demand> = (value, argument) => {
  if (value === 'replica') return { replicas: 1, fsync: false }
  if (value === 'fsync') return { replicas: 0, fsync: true }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ArgumentError(argument, EXPECTED, describe(value))
  }
  const { replicas } = readOptions(argument, value, { replicas: count(1, MOST_REPLICAS) })
  return { replicas, fsync: false }
}

export const forgottenBatch = (place: string) =>
  new EngineUnavailableError(
    `${place} does not know of what was added: it lost it, or another server took over without it.`,
    { outcome: 'unknown', retryable: false },
  )

interface Round {
  first: number
  sequence: number
  done: Promise<void>
  settle: (ended: Promise<void>) => void
}

interface Lane {
  running: Round | null
  next: Round | null
}

type Confirm = (isNamed: boolean, demand: Demand, first: number, sequence: number) => Promise<void>

/**
 * Waits for what was added to be safe. One question is under way at a time for each demand; the next
 * one is for all that was added meanwhile.
 */
export class Confirmations {
  private readonly confirm: Confirm
  private readonly lanes = new Map<string, Lane>()

  constructor(confirm: Confirm) {
    this.confirm = confirm
  }

  /** Resolves when that batch is safe. */
  until(isNamed: boolean, demand: Demand, sequence: number): Promise<void> {
    const key = `${isNamed} ${demand.replicas} ${demand.fsync}`
    const lane = this.lanes.get(key) ?? { running: null, next: null }
    this.lanes.set(key, lane)
    lane.next ??= newRound(sequence)
    lane.next.sequence = sequence
    const { done } = lane.next
    if (!lane.running) void this.run(lane, isNamed, demand)
    return done
  }

  private async run(lane: Lane, isNamed: boolean, demand: Demand): Promise<void> {
    for (let round = lane.next; round; round = lane.next) {
      lane.next = null
      lane.running = round
      round.settle(this.confirm(isNamed, demand, round.first, round.sequence))
      await round.done.catch(() => {})
    }
    lane.running = null
  }
}

function newRound(first: number): Round {
  let settle: Round['settle'] = () => {}
  const done = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { first, sequence: first, done, settle }
}
