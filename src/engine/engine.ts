import type { RedisEngine } from './redis/engine.ts'
import type { SqliteEngine } from './sqlite/engine.ts'

/** Where the state lives. A capability's `open.ts` picks its store by `kind`. */
export type Engine = RedisEngine | SqliteEngine
