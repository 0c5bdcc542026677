/**
 * The contract of queues on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `queue.contract.ts` on every engine:
 * - Q1  A job whose `add` was answered is in exactly one place until it is acknowledged.
 * - Q2  Jobs are claimed in the order in which they were added, or became due.
 * - Q3  A job is never claimed before it is due on the store's clock.
 * - Q4  A job in flight belongs to one epoch; only that epoch settles it, once.
 * - Q5  `add` repeated with the same producer and sequence adds nothing and answers the same ids.
 * - Q6  `exchange` repeated with the same sequence answers the same jobs; an older one is refused.
 * - Q7  An epoch whose lease ran out is recovered once: its jobs return in enqueue order, and its
 *       later exchanges are answered `lost`.
 * - Q8  A crash is never an attempt. Jobs of a crashed epoch come back as suspects, at most one per
 *       epoch; only a crash while holding it counts against it, and too many move it to `dead`.
 * - Q9  After a silence longer than a third of a lease every lease gets one fresh period.
 * - Q10 A settled job leaves nothing behind; a dead one is kept with its reason.
 * - Q11 An idle consumer holds no lease.
 */

/** A job as it travels. `id` is unique and grows in the order of adding. */
export interface StoredJob {
  id: string
  /** JSON text. */
  payload: string
  /** Failed attempts so far. */
  attempt: number
  /** Crashes of a worker that held it as its suspect. */
  crashes: number
  maxAttempts: number
}

export interface NewJob {
  payload: string
  maxAttempts: number
  /** 0: ready at once. */
  delayMs: number
  /** Epoch milliseconds on the store's clock; wins over `delayMs`. */
  dueAtMs?: number
}

export interface AddRequest {
  queue: string
  /** Identifies the caller that numbers its batches; one batch is in flight at a time. */
  producer: string
  sequence: number
  jobs: NewJob[]
}

export interface Retry {
  id: string
  delayMs: number
  /** Counts as a failed attempt; false hands the job back as it was, also as a suspect, to the front. */
  failed: boolean
}

/** The job has failed for good: one more failed attempt, and no more after it. */
export interface Death {
  id: string
  reason: string
}

/** Everything that a consumer has to say, and what it wants, in one atomic call. */
export interface ExchangeRequest {
  queue: string
  /** One life of one consumer; new after every `lost`. */
  epoch: string
  /** Grows by one per call, the same when a call is repeated. */
  sequence: number
  leaseMs: number
  /** Deliveries that the consumer believes are its own: 0 can never be `lost`. */
  heldCount: number
  acks: string[]
  retries: Retry[]
  deaths: Death[]
  /** How many jobs it can take now. */
  want: number
  /** Crashes while suspect after which a job is dead. */
  maxCrashes: number
}

export type ExchangeAnswer =
  | {
      tag: 'ok'
      jobs: StoredJob[]
      /** Orders deliveries: higher than with any job that was claimed before. */
      fence: number
      /** Ids of acks, retries and deaths that were not this epoch's any more. */
      staleIds: string[]
      /** Until the next timed job is due, from when the call left; null if there is none. */
      nextDueMs: number | null
      /** Someone else's lease is outstanding: look again within a quarter of a lease. */
      watch: boolean
      sentAtMs: number
    }
  | { tag: 'lost' }

export interface QueueCounts {
  ready: number
  /** Delayed, or waiting for a retry. */
  timed: number
  inFlight: number
  dead: number
}

export interface DeadJob extends StoredJob {
  reason: string
  diedAtMs: number
}

export interface QueueStore {
  /** Answers the ids in the order of `jobs`. */
  add(request: AddRequest): Promise<string[]>
  exchange(request: ExchangeRequest): Promise<ExchangeAnswer>
  counts(queue: string): Promise<QueueCounts>
  /** Oldest first. */
  listDead(queue: string, limit: number): Promise<DeadJob[]>
  /** Names of queues that hold anything, at most `limit`. */
  list(limit: number): Promise<string[]>
  /**
   * Calls back when a claim on `queue` is worth trying: a hint, that may be late, doubled or lost.
   * One idle listener is woken per hint. Listening holds no lease. Returns what unsubscribes.
   */
  onWake(queue: string, listener: () => void): () => void
  /** Gives a wake-up that cannot be used back to the other consumers. */
  passWake(queue: string): Promise<void>
}
