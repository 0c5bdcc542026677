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

/** The ways of getting what `take` gets. It answers the error that is no failure. */
export class Taker<
  Held extends Pick<Hold, 'assertHeld' | 'release'> & AsyncDisposable,
  Read extends object,
  Extra,
> implements Holdable<Held, Extra>
{
  readonly #shapes: TakingShapes<Read>
  readonly #take: (how: Taking<Read>) => Promise<Held | LockTimeoutError> | Held

  constructor(
    shapes: TakingShapes<Read>,
    take: (how: Taking<Read>) => Promise<Held | LockTimeoutError> | Held,
  ) {
    this.#shapes = shapes
    this.#take = take
  }

  async acquire(options?: AcquireOptions & Extra): Promise<Held> {
    const how = readOptions('acquire', options, this.#shapes.acquire)
    const held = await this.#take(how as Taking<Read>)
    if (held instanceof LockTimeoutError) throw held
    return held
  }

  async tryAcquire(options?: Extra): Promise<Held | null> {
    const how = readOptions('tryAcquire', options, this.#shapes.tryAcquire) as Taking<Read>
    how.wait = 0
    const held = await this.#take(how)
    return held instanceof LockTimeoutError ? null : held
  }

  async run<T>(work: (held: Held) => T | Promise<T>, options?: AcquireOptions & Extra): Promise<T> {
    callback(work, 'run.work')
    const held = await this.acquire(options)
    try {
      const result = await work(held)
      held.assertHeld()
      return result
    } finally {
      await held.release().catch(() => {})
    }
  }
}
