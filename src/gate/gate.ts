import { InternalError } from '../errors.ts'
import type { WaiterView } from './store.ts'
import type { Standing } from './terms.ts'

/**
 * What a job can wait for: a lock, permits of a semaphore, a share of a read-write lock, units of a limit. Each
 * kind makes its own; queues know no more of them than this.
 */
export interface Gate {
  /** Of one engine the same in every process: kind, `:` and name. Gates are asked in the order of these. */
  readonly key: string
  /** JSON from which every process makes the same gate again: {@link GateKind.open}. */
  readonly terms: string
  /**
   * Asks for what `demand` says, standing in line for it, or waiting until there is budget. `onWaiting` is called
   * once, as soon as it is known that it is not to be had at once. Resolves with null when `signal` aborts.
   * What was got while the signal aborted may be answered all the same: it is to be given back.
   * @throws {EngineUnavailableError}, {ClosedError}; {ArgumentError} for what can never be had: no retry would help;
   *   {SettingsMismatchError} of a semaphore
   */
  enter(entry: Entry): Promise<Pass | null>
  /** What the demand of a job is, in up to 32 printable characters, as {@link enter} takes it. */
  readonly demand: string
  /** Whether several may be let in at a time: else who holds it need not ask whether the next one may. */
  readonly isShared: boolean
  /** What is entered is spent, and comes back with time alone: who waits for it holds nothing else. */
  readonly isSpent: boolean
  /** Who is in the way now. @throws {EngineUnavailableError} */
  describe(): Promise<InTheWay>
}

export interface InTheWay {
  /** In words for people; null where nobody holds anything. */
  text: string | null
  /** Who stands in line, at most 100. Nobody does for a limit. */
  line: readonly Pick<WaiterView, 'kind' | 'metadata'>[]
}

export interface Entry extends Standing {
  /** As {@link Gate.demand} of the job that is to be let in. */
  readonly demand: string
  /** JSON that others see of who waits or holds. */
  readonly metadata: string
}

/** What a job holds of a gate while it runs. */
export interface Pass {
  readonly key: string
  /** Orders owners of a lock; null where the gate has none. */
  readonly fence: number | null
  /** Aborts when it is lost; null where it cannot be. */
  readonly signal: AbortSignal | null
  /** Calls back when it is lost, or at once if it was: a signal of its own for each job is a fifth of all its cost. */
  onLost(listener: (loss: unknown) => void): void
  /** By this process's own clock, also right after a pause of it. */
  readonly isLost: boolean
  /**
   * Makes it good for so many jobs, one after the other, each with a fence above the one before where it has one. False where
   * somebody stands in line, who comes first, and where several may be in. Rejects where the engine does.
   */
  reserve(count: number): Promise<boolean>
  /** The job has ended: the next may enter. Never rejects. */
  release(): Promise<void>
  /** The job did not run: as if it had never entered. Never rejects. */
  giveBack(): Promise<void>
}

/** Makes gates of one kind from what a job says, and again from {@link Gate.terms}. */
export interface GateKind {
  readonly kind: string
  /**
   * @param terms of {@link Gate.terms}, parsed, without their kind
   * @param demand of one job; left out, the least that can be asked
   * @throws {ArgumentError} for terms that no version of this kind wrote, or what can never be had
   */
  open(terms: Readonly<Record<string, unknown>>, demand?: string): Gate
}

/** What of a limiter a gate needs. */
export interface UnitTaker {
  readonly name: string
  take(key: string, options?: { cost?: number }): Promise<object>
}

/** What a user has to acquire a thing by. */
export interface Acquirable {
  readonly name: string
  tryAcquire(): Promise<AsyncDisposable | null>
}

/** All kinds of gates of one engine. */
export interface Gates {
  lock(name: string, ttlMs: number): Gate
  readWriteLock(name: string, mode: 'read' | 'write', ttlMs: number): Gate
  semaphore(name: string, permits: number, weight: number, ttlMs: number): Gate
  limit(
    limiter: UnitTaker | { name: string; rules: readonly object[] },
    key: string,
    cost: number,
  ): Gate
  /** The gate to what a user acquires by that, or to one permit of it; null for what is not of this engine and Sluice. */
  behind(handle: object, ttlMs: number): Gate | null
  /** The gate of {@link Gate.terms}, with the demand of one job. @throws {ArgumentError} for what no version of it wrote */
  open(terms: string, demand?: string): Gate
}

function noGate(): never {
  throw new InternalError('There are no gates where a store is used without its engine.')
}

/** For queues on a store alone. */
export const NO_GATES: Gates = {
  lock: noGate,
  readWriteLock: noGate,
  semaphore: noGate,
  limit: noGate,
  behind: noGate,
  open: noGate,
}
