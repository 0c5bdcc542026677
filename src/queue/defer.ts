import type { Duration } from '../duration.ts'
import { SluiceError } from '../errors.ts'
import { duration, readOptions } from '../options.ts'

/** A job that comes back at once would be run again at once, over and over. */
export const deferOptions = { until: duration({ minMs: 1 }) }

/**
 * For handlers to throw: not now. The job goes back into its queue for the time of `until`, from 1 ms on the engine's
 * clock, and no attempt is spent: for what cannot be done yet, and is no failure. It is never too often, so
 * give such jobs a `deadline` where waiting must end.
 *
 * @throws {ArgumentError} from its constructor, which then fails the attempt
 */
export class Defer extends SluiceError {
  readonly untilMs: number

  constructor(options: { until: Duration }) {
    const { until } = readOptions('Defer', options, deferOptions)
    super(`The job is put off for ${until} ms, without an attempt.`, {
      code: 'SLUICE_DEFER',
      retryable: true,
    })
    this.untilMs = until
  }
}
