import { type Outcome, SluiceError } from '../errors.ts'
import { printable, shorten } from '../text.ts'

/** The server answered a command with an error. */
export class CommandError extends SluiceError {
  /** Its name, as it was sent. */
  readonly command: string
  /** The first word of the answer, such as `WRONGTYPE`. */
  readonly reply: string

  constructor(
    command: string,
    message: string,
    options: { outcome: Outcome; retryable?: boolean; cause?: unknown },
  ) {
    const [line = ''] = message.split('\n')
    super(`Redis answered ${shorten(printable(command))} with: ${printable(line)}`, {
      code: 'SLUICE_COMMAND',
      retryable: options.retryable ?? false,
      outcome: options.outcome,
      cause: options.cause,
    })
    this.command = command
    this.reply = /^[A-Z]+/.exec(message)?.[0] ?? 'ERR'
  }
}

/** What became of one command. */
export type CommandResult<Value = unknown> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false
      /** {@link CommandError} is an answer of the server. */
      readonly error: Error
      /** `'unknown'` if it was sent and not answered: it may have been done. */
      readonly outcome: Outcome
    }

/** Some commands of a pipeline in mode `'throw'` failed. The others stand. */
export class PipelineError extends SluiceError {
  /** One for each command, in their order. */
  readonly results: readonly CommandResult[]
  /** Which of them failed. */
  readonly failed: readonly number[]

  constructor(results: readonly CommandResult[]) {
    const failures = results.flatMap((result, index) => (result.ok ? [] : [{ ...result, index }]))
    const [first] = failures
    const unknown = failures.filter(({ outcome }) => outcome === 'unknown').length
    super(
      `${failures.length} of ${results.length} commands of a pipeline failed, ` +
        `${unknown} of them with unknown outcome. The first is number ${first?.index}: ${first?.error.message} ` +
        'The others were done and stand: see results.',
      {
        code: 'SLUICE_PIPELINE',
        retryable: false,
        outcome: unknown > 0 ? 'unknown' : 'not-applied',
        cause: first?.error,
      },
    )
    this.results = results
    this.failed = failures.map(({ index }) => index)
  }
}

/** Others changed the keys in every attempt, or the connection that watched them was lost. */
export class TransactionConflictError extends SluiceError {
  readonly keys: readonly string[]
  /** How many times the callback ran. */
  readonly attempts: number

  constructor(keys: readonly string[], attempts: number, cause?: unknown) {
    super(
      `The transaction on ${named(keys)} met changes by others in each of ${attempts} attempts. ` +
        'Nothing was written. Try again later, raise retries, or do it in one script.',
      { code: 'SLUICE_TRANSACTION_CONFLICT', retryable: true, outcome: 'not-applied', cause },
    )
    this.keys = keys
    this.attempts = attempts
  }
}

/** The server refused a command when it was queued, so none of them ran. */
export class TransactionAbortedError extends SluiceError {
  /** Which of the queued commands it was; null if EXEC itself was refused. */
  readonly index: number | null
  readonly command: string

  constructor(index: number | null, cause: CommandError) {
    const which = index === null ? 'EXEC' : `queued command ${index} (${printable(cause.command)})`
    super(`Redis refused ${which}, so nothing was written. ${cause.message}`, {
      code: 'SLUICE_TRANSACTION_ABORTED',
      retryable: cause.retryable,
      outcome: 'not-applied',
      cause,
    })
    this.index = index
    this.command = cause.command
  }
}

/** Commands failed while the transaction ran. Redis rolls nothing back: the others are applied. */
export class TransactionPartialError extends SluiceError {
  /** One for each queued command, in their order. */
  readonly results: readonly CommandResult[]
  /** Which of them were applied. */
  readonly applied: readonly number[]
  /** Which of them failed. */
  readonly failed: readonly number[]

  constructor(results: readonly CommandResult[]) {
    const indexes = results.map((_, index) => index)
    const failed = indexes.filter((index) => !results[index]?.ok)
    const applied = indexes.filter((index) => results[index]?.ok)
    const first = results[failed[0] ?? 0]
    super(
      `${failed.length} of ${results.length} commands of a transaction failed (${failed.join(', ')}), ` +
        `and Redis rolls nothing back: applied ${applied.join(', ') || 'none'}. ` +
        `${first?.ok === false ? first.error.message : ''}`,
      {
        code: 'SLUICE_TRANSACTION_PARTIAL',
        retryable: false,
        cause: first?.ok === false ? first.error : undefined,
      },
    )
    this.results = results
    this.applied = applied
    this.failed = failed
  }
}

/** EXEC was sent and not answered: all of the transaction was applied, or nothing of it. */
export class TransactionUnknownError extends SluiceError {
  readonly keys: readonly string[]

  constructor(keys: readonly string[], cause: unknown) {
    super(
      `The transaction on ${named(keys)} was sent, and no answer came: all of it was applied, or nothing. ` +
        'Read the keys before you repeat it.',
      { code: 'SLUICE_TRANSACTION_UNKNOWN', retryable: false, outcome: 'unknown', cause },
    )
    this.keys = keys
  }
}

const named = (keys: readonly string[]) =>
  shorten(printable(keys.map((key) => JSON.stringify(key)).join(', ')))
