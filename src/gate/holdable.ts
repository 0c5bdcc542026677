import { LockTimeoutError } from '../errors.ts'
import { callback, type Reader, readOptions } from '../options.ts'
import type { Hold } from './handle.ts'
import { type AcquireOptions, acquireOptions } from './options.ts'

/** What can be held: the ways of getting it, the same for everything that Sluice gives out. */
export interface Holdable<Held extends AsyncDisposable, Extra = unknown> {
  /**
   * Takes it, standing in line first come first served for up to `wait`.
   * @throws {LockTimeoutError} with who holds it, since when, how many wait in front and when to
   *   come back; {@link EngineUnavailableError}; the signal's reason
   */
  acquire(options?: AcquireOptions & Extra): Promise<Held>
  /** Takes it if that is possible now, else null. @throws {EngineUnavailableError} */
  tryAcquire(options?: Extra): Promise<Held | null>
  /**
   * Runs `work` while holding it and releases it afterwards. Rejects with what `work` throws; if
   * `work` succeeds but the lease was lost meanwhile, with {@link LockLostError}.
   */
  run<T>(work: (held: Held) => T | Promise<T>, options?: AcquireOptions & Extra): Promise<T>
}

/** What options have become: `wait` in milliseconds. */
export type Taking<Read> = Read & { wait: number; signal: AbortSignal | undefined }

type Shape = Record<string, Reader<unknown>>

/** How the options of one kind of thing are read: made once, used by every handle. */
export interface TakingShapes<Read> {
  readonly acquire: Shape
  readonly tryAcquire: Shape
  /** Carries the type; never set. */
  readonly read?: Read
}

export function takingShapes<Read extends object>(
  own: {
    [Name in keyof Read]: Reader<Read[Name]>
  },
): TakingShapes<Read> {
  const shape = own as unknown as Shape
  return { acquire: { ...acquireOptions, ...shape }, tryAcquire: shape }
}

/** Gets it, or answers the error that is no failure. */
export type Take<Held, Read> = (how: Taking<Read>) => Promise<Held | LockTimeoutError> | Held

type Releasable = Pick<Hold, 'assertHeld' | 'release'> & AsyncDisposable

/** No async function, here and in what it calls: what those allocate is dear where a lock is short. */
export function acquireBy<Held extends Releasable, Read>(
  shapes: TakingShapes<Read>,
  options: object | undefined,
  take: Take<Held, Read>,
): Promise<Held> {
  return taken(() => take(readOptions('acquire', options, shapes.acquire) as Taking<Read>)).then(
    heldOrThrow,
  )
}

export function tryAcquireBy<Held extends Releasable, Read>(
  shapes: TakingShapes<Read>,
  options: object | undefined,
  take: Take<Held, Read>,
): Promise<Held | null> {
  return taken(() => {
    const how = readOptions('tryAcquire', options, shapes.tryAcquire) as Taking<Read>
    how.wait = 0
    return take(how)
  }).then(heldOrNull)
}

/** What is thrown on the way rejects. */
function taken<Taken>(take: () => Promise<Taken> | Taken): Promise<Taken> {
  try {
    return Promise.resolve(take())
  } catch (error) {
    return Promise.reject(error)
  }
}

function heldOrThrow<Held>(taken: Held | LockTimeoutError): Held {
  if (taken instanceof LockTimeoutError) throw taken
  return taken
}

const heldOrNull = <Held>(taken: Held | LockTimeoutError): Held | null =>
  taken instanceof LockTimeoutError ? null : taken

export async function runBy<Held extends Releasable, T>(
  work: (held: Held) => T | Promise<T>,
  acquire: () => Promise<Held>,
): Promise<T> {
  callback(work, 'run.work')
  const held = await acquire()
  try {
    const result = await work(held)
    held.assertHeld()
    return result
  } finally {
    await held.release().catch(() => {})
  }
}

/** The ways of getting what `take` gets. */
export class Taker<Held extends Releasable, Read extends object, Extra>
  implements Holdable<Held, Extra>
{
  readonly #shapes: TakingShapes<Read>
  readonly #take: Take<Held, Read>

  constructor(shapes: TakingShapes<Read>, take: Take<Held, Read>) {
    this.#shapes = shapes
    this.#take = take
  }

  acquire(options?: AcquireOptions & Extra): Promise<Held> {
    return acquireBy(this.#shapes, options, this.#take)
  }

  tryAcquire(options?: Extra): Promise<Held | null> {
    return tryAcquireBy(this.#shapes, options as object | undefined, this.#take)
  }

  run<T>(work: (held: Held) => T | Promise<T>, options?: AcquireOptions & Extra): Promise<T> {
    return runBy(work, () => this.acquire(options))
  }
}
