import { constants } from 'node:os'
import { ArgumentError, InternalError, SluiceError } from '../errors.ts'

/** What the exit codes say, in the numbers of `sysexits.h` and of shells. Stable. */
export const EXIT = {
  /** The answer is no: a warning, no such job, too late. */
  no: 1,
  usage: 64,
  unavailable: 69,
  internal: 70,
  notAcquired: 75,
  lockLost: 76,
  notExecutable: 126,
  notFound: 127,
} as const

/** What a shell answers for a program that was ended by a signal. */
export const exitCodeOfSignal = (signal: NodeJS.Signals) => 128 + constants.signals[signal]

/** The command line is wrong. Nothing was done. */
export class UsageError extends Error {}

/** A signal came before there was a command that it could be forwarded to. */
export class InterruptedError extends Error {
  readonly signal: NodeJS.Signals
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

/** Of errors that say nothing about the store. */
const CODES: Readonly<Record<string, number>> = {
  // Others use this name with another number of slots.
  SLUICE_SETTINGS_MISMATCH: EXIT.usage,
  SLUICE_NOT_ADDRESSABLE: EXIT.no,
  SLUICE_QUEUE_BUSY: EXIT.no,
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return exitCodeOfSignal(error.signal)
  if (error instanceof UsageError || error instanceof ArgumentError) return EXIT.usage
  if (!(error instanceof SluiceError) || error instanceof InternalError) return EXIT.internal
  return CODES[error.code] ?? EXIT.unavailable
}
