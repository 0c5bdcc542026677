import type { Pass } from '../gate/gate.ts'
import type { AddStore, Batch } from './add-store.ts'
import type { EventStore } from './event-store.ts'
import type { FailedAttempt, FailureNote } from './history.ts'
import type { ListingStore } from './listing-store.ts'
import type { ParkingStore } from './parking-store.ts'
import type { RecordStore } from './record-store.ts'
import type { RetentionStore } from './retention.ts'
import type { ScheduleSlot, ScheduleStore } from './schedule-store.ts'
import type { StrandStore } from './strand-store.ts'

/**
 * The contract of queues on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `queue.contract.ts` on every engine:
 * - Q1  A job whose `add` was answered is in exactly one place until it is acknowledged.
 * - Q2  Jobs are claimed in the order in which they were added, or became due.
 * - Q3  A job is never claimed before it is due on the store's clock.
 * - Q4  A job in flight belongs to one epoch; only that epoch settles it, once.
 * - Q5  `add` repeated with the same producer and sequence adds nothing and answers the same ids: the last batch, and
 *       the one before it where that was still under way. A batch behind another one is never added in front of it.
 * - Q6  `exchange` repeated with the same sequence answers the same jobs; an older one is refused.
 * - Q7  An epoch whose lease ran out is recovered once: its jobs return in enqueue order, and its
 *       later exchanges are answered `lost`.
 * - Q8  A crash is never an attempt. Jobs of a crashed epoch come back as suspects, at most one per
 *       epoch; only a crash while holding it counts against it, and too many move it to `dead`.
 * - Q9  After a silence longer than a third of a lease every lease gets one fresh period.
 * - Q10 A settled job leaves nothing behind, unless Q56 says so; a dead one is kept with its reason.
 * - Q11 An idle consumer holds no lease.
 * - Q12 A dead job that is redriven is ready once, with its id, behind what was, as if never tried.
 * - Q20 Jobs with a rank are claimed by it: `lifo` first, the newest before older ones; then priorities
 *       below 0, the line of Q2, and priorities above 0, lower ones first, equal ones by age.
 * - Q21 A job is never claimed after its deadline: the claim that finds it buries it, without an attempt. Redriven, it has none.
 * - Q22 Of a paused queue nothing is claimed and nobody is woken, while what is in flight is settled and
 *       what is added is kept. Resumed, one idle consumer is woken.
 * - Q23 A batch after which more jobs, or bytes of payloads, would wait than it says is refused as a whole.
 *       Waiting are ready and timed jobs, and those behind others of their key; what comes back is never
 *       refused. Bytes that are kept for a job until it has ended count until then.
 * - Q24 `drain` removes jobs that wait, and nothing else.
 * - Q25 `obliterate` refuses while anything is in flight, unless forced; else the queue is paused until
 *       nothing of it is left, and deliveries that were in flight are lost.
 * - Q26 A lease may be renewed beside its consumer's calls while it holds jobs, and is made by none.
 * - Q27 The pages of `listJobs` have each job of a state once. One that moves meanwhile may be in none or
 *       in two. `listGates` counts what is parked behind each gate. Looking changes nothing.
 * - Q30 Of adds under one name one makes the job, whoever says them and however often: the others change
 *       what waits, or nothing.
 * - Q31 Only the newest delivery of the ticket that counts may run a job; every other is dropped.
 * - Q32 A job does not run before its record says that it is due: a ticket that comes earlier is told how long to wait.
 * - Q33 Only the delivery that runs a job ends it, once. The same end said again changes nothing. A dead
 *       one has its dead letter, also when its worker crashed while it said so.
 * - Q34 A cancelled job that did not run never runs. One that runs ends as cancelled, whatever its worker
 *       says, and is not tried again.
 * - Q35 What is added while a job of that name runs, and has to follow it, waits until it has ended.
 * - Q36 A record lives as long as its job, then as long as it is remembered. Then nothing is left.
 * - Q37 Progress and lines are taken from the delivery that runs the job, and from no other.
 * - Q38 Who watches is told within milliseconds of an end: at most 100 clients of each job, for a minute
 *       after they watched last.
 * - Q39 A job whose time was changed runs once, at the new time; one that runs is left alone.
 * - Q40 Of each slot of a schedule there is one job or none, whoever opens its ticket and however often: the
 *       jobs and the next ticket come in one step.
 * - Q41 A schedule has a next slot and a ticket for it until it is removed, or its rule has no more slots,
 *       whatever worker dies: draining, pausing and crashes lose none.
 * - Q42 One that is put again with its rule keeps its slot; with another rule, or removed, nothing of the old
 *       rule comes any more. What was emitted stays.
 * - Q43 What a slot emits are jobs like others, that tell of which schedule and slot they are.
 * - Q44 A queue has at most 1,000 schedules; obliterated, it has none.
 * - Q45 Of a failed attempt, and of a crash that counts against a job, what its consumer says to keep is kept with the
 *       job in the same step, the last ones and no more: also dead, redriven, or by an id. Others carry nothing.
 * - Q46 What a queue that keeps events does to its jobs is told in the same step, once, in the order in which it
 *       happened. Of a queue that keeps none nothing is written.
 * - Q47 The last events that are to be kept are there for a week, and not many more: of a key of Redis, at most 3 MB.
 * - Q48 Who reads on from a place is told each event behind it once; or that some are lost, and then those that are there.
 * - Q49 Who has read all is told within milliseconds of the next: at most 100 clients of a queue, for a minute after they
 *       looked last.
 * - Q50 Jobs of a key are claimed one after the other, in the order in which they were added: none before
 *       the one before it is done or dead, however often that is tried or its worker crashes.
 * - Q51 Jobs of different keys, and jobs without one, do not wait for each other.
 * - Q52 Only the newest delivery of a job of a key may run it, and only that one ends it, once. A dead one has its
 *       dead letter in the same step, and redriven it is the last of its key.
 * - Q53 A key has at most 4,000,000 bytes waiting: what is more is refused, with all of that key behind it.
 * - Q54 Jobs that wait behind others of their key are counted as ready, drained and obliterated as those in line.
 * - Q55 All clients of a queue agree on its partitions until it is obliterated: what the first one says that uses it.
 * - Q56 A job that is done is kept by the very step that ends it, once, with what it had, where its consumer says so. Where
 *       the store has no memory for that, it is done all the same.
 * - Q57 The last ones that are done are kept, as many and for as long as is said: of a key of Redis, at most 3 MB.
 * - Q60 What is added within a transaction of the user's is there when that is committed, wakes a consumer
 *       then, and never was if it is rolled back. What is refused changes nothing of the transaction.
 * - Q61 Such an add belongs to no producer: it is never taken for another one, nor another one for it.
 * - Q62 What `confirm` resolved for is on so many replicas, or on the disk. It rejects where that is not so
 *       in time, and where the store no longer knows of the batch; the jobs stay as they are.
 * - Q70 A parked job is found by no claim, and is behind one gate until it is unparked. Parking is no attempt,
 *       and a parked suspect is none any more.
 * - Q71 Behind one gate jobs are unparked by their ranks, of one rank in the order in which they were added.
 * - Q72 Only the epoch that has a job in flight parks it.
 * - Q73 Unparking is a claim: Q4, Q7, Q8, Q21 and Q22 hold. Repeated with the same sequence it answers the same jobs; an older
 *       one is refused.
 * - Q74 A gate with parked jobs has one keeper at a time. Without news of it for 4 s, or once it has given
 *       the gate up, the next exchange that wants jobs is told of the gate, and so is no other for as long again. Behind which
 *       nothing is left has none.
 * - Q75 Of a gate behind which nothing is parked nothing is left once its last look is over.
 * - Q76 Parked jobs are counted as such, wait in the sense of Q23, and are drained and obliterated like the others.
 * - Q77 What failed and stays is in flight for the same epoch, with one attempt more, in the step that is told of it.
 * - Q78 Where jobs say whose turn it is, keys of one rank take turns, and jobs of a key come as they were parked.
 * - Q79 Parks and unparks of an epoch are numbered together: one that arrives once more, however late, changes nothing.
 */

/** A job as it travels. `id` is unique and grows in the order of adding. */
export interface StoredJob {
  id: string
  /** JSON text; empty for a ticket, whose record has it. */
  payload: string
  /** Of the record that a ticket stands for; null for a plain job. */
  name: string | null
  /** Of a ticket that stands for the first job of a key; of a dead job of a key as well. */
  key?: string
  /** Failed attempts so far. */
  attempt: number
  /** Crashes of a worker that held it as its suspect. */
  crashes: number
  maxAttempts: number
  /** Of which slot of a schedule it is. Left out for most. */
  schedule?: ScheduleSlot
  /** Its failed attempts, the oldest first, as far as they are kept. A ticket of a record has none. */
  history?: FailedAttempt[] | undefined
  /** What it holds while it runs. No store knows of it. */
  passes?: readonly Pass[]
}

export interface NewJob {
  payload: string
  maxAttempts: number
  /** 0: ready at once. */
  delayMs: number
  /** Epoch milliseconds on the store's clock; wins over `delayMs`. */
  dueAtMs?: number
  /** A whole number, at most a billion either way; 0, as where it is left out, is no rank. */
  priority?: number
  /** Before all others that are ready, the newest first. Not beside a priority. */
  lifo?: boolean
  /** Not claimed later than so long after it was added: then it is dead. */
  deadlineMs?: number
  /** Epoch milliseconds on the store's clock; wins over `deadlineMs`. */
  deadlineAtMs?: number
}

export interface AddRequest extends Batch {
  jobs: NewJob[]
  /** Refused with a {@link QueueFullError} if more jobs, or bytes of their payloads, than that would wait then. */
  maxLength?: number | undefined
  maxBytes?: number | undefined
}

export interface Retry {
  id: string
  delayMs: number
  /**
   * Counts as a failed attempt; false hands the job back as it was, also as a suspect: to the front, or
   * to where its rank is. With a delay it is for later, and no suspect.
   */
  failed: boolean
  /** Of what has failed: it is in flight still, whatever the delay. */
  stays?: boolean
  /** What is kept of the failure. Not of a ticket of a record, which is told for itself. */
  note?: FailureNote | undefined
}

/** The job has failed for good: one more failed attempt, and no more after it. */
export interface Death {
  id: string
  reason: string
  /** Of a ticket: what its record has, and the id of its job. The dead letter is a plain job. */
  payload?: string
  name?: string
  /** The same of its failed attempts before. */
  history?: FailedAttempt[] | undefined
  note?: FailureNote | undefined
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
  /** Failed attempts that are kept of a job whose worker has crashed. Left out, none. */
  keptFailures?: number | undefined
  /** Of what is settled: tickets of whose jobs is told elsewhere what became of them. */
  quietIds?: string[] | undefined
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
      /** There may be jobs that this call did not reach: worth another one at once. */
      more: boolean
      /** Someone else's lease is outstanding: look again within a quarter of a lease. */
      watch: boolean
      /** Gates with parked jobs that are without a keeper. Left out where there is none. */
      gates?: string[]
      sentAtMs: number
    }
  | { tag: 'lost' }

export interface QueueCounts {
  ready: number
  /** Delayed, or waiting for a retry. */
  timed: number
  inFlight: number
  dead: number
  /** Jobs that wait for a lock or a limit. Left out where there is none. */
  parked?: number
  /** Nothing is claimed until it is resumed. Left out otherwise. */
  paused?: boolean
}

export interface DeadJob extends StoredJob {
  reason: string
  diedAtMs: number
}

export interface ObliterationStep {
  /** As the last step said; empty at first. */
  epoch: string
  /** Also what is in flight. */
  force: boolean
  limit: number
}

export type Obliteration =
  /** Nothing was done. */
  | { tag: 'busy'; inFlight: number }
  | { tag: 'step'; count: number; epoch: string }
  | { tag: 'gone'; count: number }

export interface QueueStore
  extends AddStore,
    EventStore,
    ListingStore,
    ParkingStore,
    RecordStore,
    RetentionStore,
    ScheduleStore,
    StrandStore {
  /** Jobs that are worth claiming before there is room for them: the more, the fewer calls, and the longer each. */
  readonly mostAhead: number
  exchange(request: ExchangeRequest): Promise<ExchangeAnswer>
  /** For a consumer that cannot call. False: it holds no lease any more. */
  renew(queue: string, epoch: string, leaseMs: number): Promise<boolean>
  /**
   * Names of the partitions of a queue, each a queue to the other methods; the first one is its own. Null
   * agrees with what the first to say a number has said, else it is one.
   * @throws {SettingsMismatchError} if that is another number
   */
  agreePartitions(queue: string, count: number | null): Promise<string[]>
  counts(queue: string): Promise<QueueCounts>
  /** Oldest first. */
  listDead(queue: string, limit: number): Promise<DeadJob[]>
  /** Makes dead jobs ready again, the oldest first, at most `limit`. Answers how many. */
  redrive(queue: string, limit: number): Promise<number>
  /** Removes dead jobs, the oldest first, at most `limit`. Answers how many. */
  purge(queue: string, limit: number): Promise<number>
  /** Removes waiting jobs, at most `limit`. Answers how many: 0 if none waits. */
  drain(queue: string, limit: number): Promise<number>
  /** Removes some of everything that a queue has, until it is `gone`. */
  obliterate(queue: string, step: ObliterationStep): Promise<Obliteration>
  /** Nothing is claimed from now on, or what waits is again. */
  pause(queue: string): Promise<void>
  resume(queue: string): Promise<void>
  /** Names of queues that hold anything or are paused, at most `limit`. */
  list(limit: number): Promise<string[]>
  /**
   * Calls back when a claim on `queue` is worth trying: a hint, that may be late, doubled or lost.
   * One idle listener is woken per hint. Listening holds no lease. Returns what unsubscribes.
   */
  onWake(queue: string, listener: () => void): () => void
  /** Gives a wake-up that cannot be used back to the other consumers. */
  passWake(queue: string): Promise<void>
}
