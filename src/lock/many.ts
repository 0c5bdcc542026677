import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { ArgumentError, LockTimeoutError } from '../errors.ts'
import type { Lease } from '../gate/handle.ts'
import { type Holdable, Taker, takingShapes } from '../gate/holdable.ts'
import { readName } from '../options.ts'
import type { Lock } from './lock.ts'
import type { LockView } from './view.ts'

/** Several locks as one: all of them are held, or none. */
export interface ManyLocks extends Holdable<ManyLeases> {
  /** Sorted: everybody takes them in this order, so that no two can wait for each other. */
  readonly names: readonly string[]
  /** Who holds each and who waits, as of now. Changes nothing. */
  inspect(): Promise<LockView[]>
}

/** The leases of several locks, which end together. */
export interface ManyLeases extends AsyncDisposable {
  readonly names: readonly string[]
  /** The fence of each name: a resource is guarded by the fence of the lock that protects it. */
  readonly fences: Readonly<Record<string, number>>
  /** Aborts, with a {@link LockLostError}, when the first of them is lost. */
  readonly signal: AbortSignal
  /** For how long all of them are certainly held. */
  readonly remainingMs: number
  /** Throws {@link LockLostError} if any of them is over. */
  assertHeld(): void
  /** As for one lease, on each. */
  extend(ttl: Duration): Promise<void>
  /** Gives all of them up; `lost` if any was lost before. */
  release(): Promise<'released' | 'lost'>
}

const MOST_NAMES = 100
const shapes = takingShapes<object>({})

/** @throws {ArgumentError} */
export function readNames(names: readonly unknown[]): string[] {
  const read = names.map((name, index) => readName(name, `lock.names[${index}]`))
  const sorted = [...new Set(read)].sort()
  if (sorted.length === names.length && names.length >= 1 && names.length <= MOST_NAMES) {
    return sorted
  }
  throw new ArgumentError(
    'lock.names',
    `1 to ${MOST_NAMES} names that differ`,
    `${names.length} names, ${sorted.length} of them different`,
  )
}

/** @param locks sorted by name */
export function manyLocks(locks: readonly Lock[], clock: Clock): ManyLocks {
  const names = locks.map(({ name }) => name)
  const taker = new Taker<ManyLeases, object, unknown>(shapes, ({ wait, signal }) =>
    takeAll(locks, clock, wait, signal),
  )
  return Object.assign(taker, {
    names,
    inspect: () => Promise.all(locks.map((lock) => lock.inspect())),
  })
}

/**
 * One after the other, waiting in each line while those before are held and renewed. What was got is
 * given back when one is not, or when one of them is lost meanwhile.
 */
async function takeAll(
  locks: readonly Lock[],
  clock: Clock,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<ManyLeases | LockTimeoutError> {
  const deadlineMs = clock.monotonicMs() + waitMs
  const leases: Lease[] = []
  try {
    for (const lock of locks) {
      const stops = leases.map((lease) => lease.signal)
      if (signal) stops.push(signal)
      const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
      leases.push(await lock.acquire({ wait: leftMs, signal: AbortSignal.any(stops) }))
    }
    const all = leasesAsOne(leases)
    all.assertHeld()
    return all
  } catch (error) {
    await Promise.allSettled(leases.map((lease) => lease.release()))
    if (error instanceof LockTimeoutError) return error
    throw error
  }
}

function leasesAsOne(leases: readonly Lease[]): ManyLeases {
  const fences = Object.fromEntries(leases.map(({ name, fence }) => [name, fence]))
  let signal: AbortSignal | undefined
  let outcome: Promise<'released' | 'lost'> | undefined

  async function releaseAll(): Promise<'released' | 'lost'> {
    const ends = await Promise.allSettled(leases.map((lease) => lease.release()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return ends.some((end) => end.status === 'fulfilled' && end.value === 'lost')
      ? 'lost'
      : 'released'
  }

  function release(): Promise<'released' | 'lost'> {
    outcome ??= releaseAll()
    return outcome
  }

  return {
    names: Object.freeze(leases.map(({ name }) => name)),
    fences: Object.freeze(fences),
    get signal() {
      signal ??= AbortSignal.any(leases.map((lease) => lease.signal))
      return signal
    },
    get remainingMs() {
      return Math.min(...leases.map((lease) => lease.remainingMs))
    },
    assertHeld() {
      for (const lease of leases) lease.assertHeld()
    },
    async extend(ttl) {
      await Promise.all(leases.map((lease) => lease.extend(ttl)))
    },
    release,
    async [Symbol.asyncDispose]() {
      await release().catch(() => {})
    },
  }
}
