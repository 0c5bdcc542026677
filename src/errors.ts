/** Whether an operation that failed at the engine may have taken effect all the same. */
export type Outcome = 'not-applied' | 'unknown'

export interface SluiceErrorOptions {
  code: `SLUICE_${string}`
  retryable: boolean
  outcome?: Outcome
  cause?: unknown
}

/** Every failure that Sluice reports. Expected answers ("taken", "refused") are values instead. */
export class SluiceError extends Error {
  /** Stable, `SLUICE_` and the class's name without Error: what to branch on. */
  readonly code: `SLUICE_${string}`
  /** Whether the same call may succeed later without changing anything. */
  readonly retryable: boolean
  /** For engine errors: `'unknown'` means that the operation may or may not have happened. */
  readonly outcome?: Outcome

  constructor(message: string, options: SluiceErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code
    this.retryable = options.retryable
    if (options.outcome) this.outcome = options.outcome
  }
}

/** An option or argument is wrong. Nothing was sent and nothing changed. */
export class ArgumentError extends SluiceError {
  /** Path of the argument, such as `lock.ttl`. */
  readonly argument: string
  readonly expected: string
  /** What came, in at most 80 characters. */
  readonly received: string

  constructor(argument: string, expected: string, received: string, hint = '') {
    super(`${argument} must be ${expected}, received ${received}.${hint && ` ${hint}`}`, {
      code: 'SLUICE_ARGUMENT',
      retryable: false,
    })
    this.argument = argument
    this.expected = expected
    this.received = received
  }
}

/** The engine could not be reached, did not answer by the deadline, or refused to serve. */
export class EngineUnavailableError extends SluiceError {
  constructor(
    message: string,
    options: { outcome: Outcome; retryable?: boolean; cause?: unknown },
  ) {
    super(message, {
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      retryable: options.retryable ?? true,
      outcome: options.outcome,
      cause: options.cause,
    })
  }
}

/** No SQLite driver is installed, or the one found is too old to be safe. */
export class DriverMissingError extends SluiceError {
  constructor(message: string, cause?: unknown) {
    super(message, {
      code: 'SLUICE_DRIVER_MISSING',
      retryable: false,
      outcome: 'not-applied',
      cause,
    })
  }
}

/** The engine has no room left for what should be added. What drains it still works. */
export class StoreFullError extends SluiceError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'SLUICE_STORE_FULL', retryable: true, outcome: 'not-applied', cause })
  }
}

/** A key, row or file is not what Sluice wrote there. */
export class StoreCorruptError extends SluiceError {
  /** The Redis key, or the file, that is wrong. */
  readonly key: string
  constructor(key: string, message: string, cause?: unknown) {
    super(message, {
      code: 'SLUICE_STORE_CORRUPT',
      retryable: false,
      outcome: 'not-applied',
      cause,
    })
    this.key = key
  }
}

/** The stored data has another format than this version of Sluice reads. */
export class StoreVersionError extends SluiceError {
  readonly storedVersion: number
  readonly knownVersion: number
  constructor(place: string, storedVersion: number, knownVersion: number) {
    super(
      `${place} has data format ${storedVersion}, this version of sluice reads ${knownVersion}. ` +
        (storedVersion > knownVersion
          ? 'Upgrade sluice in this process.'
          : 'Run one process of a version that migrates it, or use another prefix or file.'),
      { code: 'SLUICE_STORE_VERSION', retryable: false, outcome: 'not-applied' },
    )
    this.storedVersion = storedVersion
    this.knownVersion = knownVersion
  }
}

const RESET_TEXT = {
  emptied: 'came back without the data that was there',
  older: 'came back with data that is older than what was seen before',
  restarted: 'is another server, or another run of it, and no longer has what was held',
}

/**
 * The engine's data is not what it was: it was restarted empty, restored from an older copy, or
 * failed over to a replica that had not seen everything. Told by the `reset` event of a Sluice, and
 * as the cause of a {@link LockLostError} with reason `reset`.
 */
export class StoreResetError extends SluiceError {
  /** `'emptied'`, `'older'`, or `'restarted'` when only a lost lease shows that something is gone. */
  readonly reset: keyof typeof RESET_TEXT
  constructor(place: string, reset: keyof typeof RESET_TEXT) {
    super(
      `The store at ${place} ${RESET_TEXT[reset]}. Leases that it forgot are lost, and jobs that it forgot must be added again.`,
      { code: 'SLUICE_STORE_RESET', retryable: false },
    )
    this.reset = reset
  }
}

/** The handle was used after `close()`, or closed while a call was under way: then `unknown`. */
export class ClosedError extends SluiceError {
  constructor(what: string, outcome: Outcome = 'not-applied', maker = 'createSluice()') {
    super(`${what} is closed. Create a new one with ${maker}.`, {
      code: 'SLUICE_CLOSED',
      retryable: false,
      outcome,
    })
  }
}

/** What is known of whoever stood in the way when a lock was not got. */
export interface LockConflict {
  /** Owner that holds the lock: `host:pid:…`, or null if nobody did at the last look. */
  holder: string | null
  /** Epoch milliseconds, on the engine's clock, since when it is held. */
  sinceMs: number | null
  /** How many wait in front; 0 is the head of the line. Of a latch: how many have not arrived. */
  position: number
  /** When the current lease ends unless it is renewed: the earliest time worth a retry. */
  retryAfterMs: number
}

/** A lock, or what else can be held, was taken for the whole `wait`; or a latch did not open. */
export class LockTimeoutError extends SluiceError {
  readonly holder: string | null
  readonly since: Date | null
  readonly position: number
  readonly retryAfterMs: number

  constructor(message: string, conflict: LockConflict) {
    super(message, { code: 'SLUICE_LOCK_TIMEOUT', retryable: true, outcome: 'not-applied' })
    this.holder = conflict.holder
    this.since = conflict.sinceMs === null ? null : new Date(conflict.sinceMs)
    this.position = conflict.position
    this.retryAfterMs = conflict.retryAfterMs
  }
}

/** It is in use with another number than this process says, and everybody has to say the same. */
export class SettingsMismatchError extends SluiceError {
  /** How many permits or partitions there are, or arrivals it takes, as everybody else says. */
  readonly stored: number
  /** What this process says. */
  readonly said: number

  constructor(what: 'Semaphore' | 'Latch' | 'Queue', name: string, stored: number, said: number) {
    const [noun, remedy] = {
      Semaphore: ['permits', `change the number for all with resize(${said})`],
      Latch: ['arrivals', 'use another name'],
      Queue: ['partitions', 'use another name'],
    }[what]
    super(
      `${what} ${JSON.stringify(name)} is in use with ${stored} ${noun}, this process says ${said}. ` +
        `Say ${stored} in this process too, or ${remedy}.`,
      { code: 'SLUICE_SETTINGS_MISMATCH', retryable: false, outcome: 'not-applied' },
    )
    this.stored = stored
    this.said = said
  }
}

/** Why a lease ended without being released. */
export type LossReason =
  | 'expired'
  | 'taken'
  | 'reset'
  | 'forced'
  | 'forgotten'
  | 'max-hold'
  | 'closed'
  | 'released'

const LOSS_TEXT: Record<LossReason, string> = {
  expired: 'its validity ran out before a renewal was confirmed',
  taken: 'the engine says that another owner holds it, or that it was removed',
  reset: 'the engine lost it together with other data',
  forced: 'it was taken away by forceRelease, whose reason is the cause',
  forgotten: 'its handle was dropped without a release, and collected as garbage',
  'max-hold': 'it was held for the whole maxHold',
  closed: 'the Sluice that held it was closed',
  released: 'it was released before, by this handle',
}

/** A lease is gone. Stop the work, or let the resource refuse it by its fence. */
export class LockLostError extends SluiceError {
  readonly reason: LossReason
  constructor(name: string, reason: LossReason, cause?: unknown) {
    super(
      `The lease on ${JSON.stringify(name)} is lost: ${LOSS_TEXT[reason]}. ` +
        'Stop the work it protected, and guard writes with lease.fence.',
      { code: 'SLUICE_LOCK_LOST', retryable: false, cause },
    )
    this.reason = reason
  }
}

/** A delivery was acknowledged after it had been given to someone else, or twice. */
export class StaleDeliveryError extends SluiceError {
  constructor(queue: string, id: string) {
    super(
      `The delivery of job ${id} on queue ${JSON.stringify(queue)} is no longer yours: its lease ended ` +
        'or it was settled already. The job will be delivered again unless it was done.',
      { code: 'SLUICE_STALE_DELIVERY', retryable: false, outcome: 'not-applied' },
    )
  }
}

/** A handler did not settle within the queue's `timeout`; `job.signal` was aborted. */
export class JobTimeoutError extends SluiceError {
  constructor(queue: string, id: string, timeoutMs: number) {
    super(
      `Job ${id} on queue ${JSON.stringify(queue)} did not finish within ${timeoutMs} ms. ` +
        'Raise the timeout of the queue, or make the handler stop when job.signal aborts.',
      { code: 'SLUICE_JOB_TIMEOUT', retryable: true },
    )
  }
}

/**
 * For handlers to throw: no further attempt would help. The job is dead at once, with `reason` as the
 * reason of its dead letter.
 */
export class UnrecoverableError extends SluiceError {
  constructor(reason: string, cause?: unknown) {
    super(reason, { code: 'SLUICE_UNRECOVERABLE', retryable: false, cause })
  }
}

/** Sluice met an answer that it cannot explain: a bug. Please report it. */
export class InternalError extends SluiceError {
  constructor(message: string, cause?: unknown) {
    super(`${message} This is a bug in sluice: please report it.`, {
      code: 'SLUICE_INTERNAL',
      retryable: false,
      outcome: 'unknown',
      cause,
    })
  }
}
