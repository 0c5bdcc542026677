/**
 * The part of the contract of queues that knows schedules. Each has one ticket, due at its next slot;
 * who claims it works out the slots that are due, and emits their jobs. Internal, outside semver. Its
 * promises, Q40 to Q44, are in `store.ts`.
 */
export interface ScheduleStore {
  /** `schedule` is null where there is none. */
  readSchedule(queue: string, name: string): Promise<ScheduleReading>
  /** By name, from behind `after` on, at most `limit`. */
  listSchedules(queue: string, limit: number, after: string | null): Promise<StoredSchedule[]>
  /**
   * Makes it, or changes what it says of its jobs; its next slot only where the rule is another one.
   * @throws {TooManySchedulesError}
   */
  putSchedule(request: PutSchedule): Promise<SchedulePlace>
  /** Adds a job for each slot, in order, and the next ticket. `stale`: the ticket does not count any more. */
  emitSlots(request: EmitRequest): Promise<'emitted' | 'stale'>
  /** What was emitted stays. False: there is none of that name. */
  removeSchedule(queue: string, name: string): Promise<boolean>
}

/** What is done about slots that nobody emitted in time: see `ScheduleOptions`. */
export type CatchUp = 'skip' | 'one' | 'all'

/** What the engine keeps for clients. */
export interface ScheduleTerms {
  catchUp: CatchUp
  maxAttempts: number
  /** 0 is none. */
  priority: number
  /** Left out where they are not. */
  lifo?: true
  /** From when a job is emitted on; left out where there is none. */
  deadlineMs?: number
}

export interface PutSchedule {
  queue: string
  name: string
  /** JSON; compared as text. */
  rule: string
  terms: ScheduleTerms
  payload: string
  /** Epoch milliseconds on the store's clock. */
  slotMs: number
}

/** Where a schedule is in its slots. */
export interface SchedulePlace {
  /** The next one, or the first that is due. */
  slotMs: number
  /** The last of which there was a job. */
  lastSlotMs: number | null
  emittedCount: number
}

export interface StoredSchedule extends Omit<PutSchedule, 'queue'>, SchedulePlace {
  /** The number of the ticket that counts. */
  ticket: string
}

export interface ScheduleReading {
  nowMs: number
  schedule: StoredSchedule | null
}

export interface EmitRequest {
  queue: string
  name: string
  ticket: string
  slotsMs: number[]
  /** Null: there is none, so the schedule is over. */
  nextSlotMs: number | null
}

/** Of which slot of which schedule a job is. */
export interface ScheduleSlot {
  /** The name of the schedule. */
  readonly name: string
  /** When it was to run, in milliseconds since the epoch. */
  readonly slotAtMs: number
}

/** Schedules that one queue may have. */
export const MOST_SCHEDULES = 1_000
/** Jobs that one call emits. */
export const MOST_SLOTS = 100
/** Schedules that one call reads. */
export const MOST_READ = 100

/** What the name of a ticket begins with where it stands for a slot: no id of a job does. */
export const SCHEDULE_PREFIX = 'schedule:'
