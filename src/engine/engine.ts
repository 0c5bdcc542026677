import type { StoreResetError } from '../errors.ts'
import type { RedisEngine } from './redis/engine.ts'
import type { SqliteEngine } from './sqlite/engine.ts'

/** Where the state lives. A capability's `open.ts` picks its store by `kind`. */
export type Engine = RedisEngine | SqliteEngine

/** What an engine that can be away tells. An embedded one is never away. */
export interface EngineEvents {
  /** It was lost or fell silent, at most 2 s ago: calls wait, and fail by their deadlines. */
  unavailable: { place: string; reason: string }
  /** It answers again. Nothing has to be restarted. */
  available: { place: string; afterMs: number }
  /** Its data is not what it was: it came back empty, or from an older copy. */
  reset: { place: string; error: StoreResetError }
}

export interface EngineHealth {
  /** False from an `unavailable` event to the next `available` one. */
  available: boolean
  /** How long ago the engine last answered; null before the first answer. */
  sinceAnswerMs: number | null
}

/** A file, or memory, is in this process: it is always there. */
export const healthOf = (engine: Engine): EngineHealth =>
  engine.kind === 'redis' ? engine.health() : { available: true, sinceAnswerMs: 0 }
