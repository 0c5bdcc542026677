import type { InTurn } from './in-turn.ts'
import type { StoredJob } from './store.ts'

/** What the idle consumers of a queue share in this process. */
export interface Looks {
  /** When one of them last asked for jobs, monotonic. */
  lastMs: number
  /** They themselves: a producer of this process need not wait until the engine wakes one. */
  readonly idle: InTurn
}

export interface ConsumerTerms {
  queue: string
  leaseMs: number
  maxCrashes: number
  /** Failed attempts that are kept with a job. */
  keptFailures: number
  /** How many more jobs it can take now. */
  freeSlots: () => number
  /** How many of these it may ask for: fewer where others take theirs from the same. */
  claimable: () => number
  /** Told with each answer: the epoch that holds something, or null. */
  onLease: (epoch: string | null) => void
  /** Told when the store has answered what it was asked for, after `onJobs`. */
  onAsked: () => void
  /** Takes what was claimed. It may be told to `start` a moment later. */
  onJobs: (jobs: StoredJob[], fence: number) => void
  /** Runs what waits here, as far as there is room. */
  start: () => void
  /** Gates with parked jobs that nobody keeps. */
  onGates: (gates: readonly string[]) => void
  /** These deliveries belong to someone else now. */
  onLost: (ids: string[]) => void
  /** One look serves all who are idle. */
  looks: Looks
}
