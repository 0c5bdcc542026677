import type { Duration } from '../duration.ts'
import { ArgumentError, SluiceError } from '../errors.ts'
import type { Acquirable, Gate } from '../gate/gate.ts'
import { duration, type Reader, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import type { Settlement } from './outbox.ts'
import type { StoredJob } from './store.ts'

/** How a delivery ends: as it is settled, or its job goes behind a gate, to run again when it is let in. */
export type Ending = Settlement | Deferral

export interface Deferral {
  tag: 'behind'
  gate: Gate
}

/** A job that would come back at once would be run again at once, over and over. */
const readTime = duration({ minMs: 1 })

const readUntil: Reader<number | Acquirable> = (value, argument) => {
  if (typeof value !== 'object' || value === null) return readTime(value, argument)
  const handle = value as Partial<Acquirable>
  const isOne = typeof handle.tryAcquire === 'function' && typeof handle.name === 'string'
  if (isOne) return handle as Acquirable
  throw new ArgumentError(argument, EXPECTED, describe(value), HINT)
}

const EXPECTED = 'a duration, or one lock or semaphore, as sluice.lock(name) makes them'
const HINT =
  'A job that needs several locks, or a side of a read-write lock, is added with them: the option `lock`.'

export const deferOptions = { until: readUntil }

/**
 * For handlers to throw: not now, and no attempt is spent. It is for what cannot be done yet, and is no failure.
 *
 * `until` is a time from 1 ms, on the engine's clock, for which the job goes back into its queue. Or it is a lock or a
 * semaphore of the same Sluice: what the job holds is given up, and it waits parked, in one line with all others who want that. Then
 * it runs again **and holds it**, or one permit of it, beside what it needs: that is in `job.gates`, so the handler must not acquire it
 * once more. It is released when that delivery ends. The rule, in one line at the top of a handler:
 *
 * ```ts
 * if (!job.gates.some(({ gate }) => gate === 'lock:user:42')) throw new Defer({ until: sluice.lock('user:42') })
 * ```
 *
 * Where what it was let in with gets lost on the way, as a worker died or the job had to wait for something else,
 * it runs without, and the same line defers it anew. Whoever defers until what the job holds fails the attempt with an
 * {@link ArgumentError}, and so does a lock of a Redlock or of another Sluice: jobs wait in the line of their queue's engine.
 * It is never too often, so give such jobs a `deadline` where waiting must end.
 *
 * @throws {ArgumentError} from its constructor, which then fails the attempt
 */
export class Defer extends SluiceError {
  /** Milliseconds, or what the job is to have when it runs again. */
  readonly until: number | Acquirable

  constructor(options: { until: Duration | Acquirable }) {
    const { until } = readOptions('Defer', options, deferOptions)
    const how =
      typeof until === 'number' ? `for ${until} ms` : `until it has ${describe(until.name)}`
    super(`The job is put off ${how}, without an attempt.`, {
      code: 'SLUICE_DEFER',
      retryable: true,
    })
    this.until = until
  }
}

/** @throws {ArgumentError} for what the job cannot wait for */
export function deferralOf(
  job: StoredJob,
  until: number | Acquirable,
  gateOf: (handle: Acquirable) => Gate,
): Ending {
  if (typeof until === 'number') return { tag: 'retry', delayMs: until, failed: false }
  const gate = gateOf(until)
  const isHeld = job.passes?.some(({ key, signal }) => key === gate.key && !signal?.aborted)
  if (!isHeld) return { tag: 'behind', gate }
  throw new ArgumentError(
    'Defer.until',
    'what the job does not hold',
    gate.key,
    'It is in job.gates: do the work, and do not acquire it once more.',
  )
}
