import { realpathSync } from 'node:fs'
import type { Engine } from '../engine/engine.ts'
import type { RedisEngine } from '../engine/redis/engine.ts'
import type { SqliteEngine } from '../engine/sqlite/engine.ts'
import type { LockStore } from '../lock/open.ts'

/** A run of a node, as far as it is known. */
export interface NodeServer {
  /** Two nodes with the same one are one server; null where it is not known. */
  readonly id: string | null
  /** Monotonic time when it began, at the latest: what it was told before may be forgotten. */
  readonly startedAtMs: number
  /** A node of a cluster gives its data away, and takes it from others. */
  readonly inCluster: boolean
}

/** One of the independent places that vote on a lock. */
export interface QuorumNode {
  /** Where it is, for messages. */
  readonly place: string
  readonly store: LockStore
  /** Who answers there; null before the first answer. */
  server(): NodeServer | null
  /** Why it cannot be asked now; null if it can. */
  away(): string | null
  /** Makes it known who answers there. Resolves when that is so, or when it is away. */
  meet(): Promise<void>
}

/** What the events of an engine told of it last. */
export interface Presence {
  /** Why it is away; null while it is not. */
  reason: string | null
  /** Called back when it is lost. */
  onAway: () => void
}

export function nodeOf(engine: Engine, store: LockStore, presence: Presence): QuorumNode {
  return engine.kind === 'sqlite' ? fileNode(engine, store) : serverNode(engine, store, presence)
}

function serverNode(engine: RedisEngine, store: LockStore, presence: Presence): QuorumNode {
  let meeting: Promise<void> | null = null

  async function meet(): Promise<void> {
    const isAway = new Promise<void>((resolve) => {
      presence.onAway = resolve
    })
    if (presence.reason === null)
      await Promise.race([engine.command('PING').catch(() => {}), isAway])
    meeting = null
  }

  return {
    place: engine.place,
    store,
    server: () => engine.server(),
    away: () => presence.reason,
    meet() {
      meeting ??= meet()
      return meeting
    },
  }
}

/**
 * A file does not restart, and is never away. Whoever could hold its locks ends with the machine that
 * it is on, so nothing of them has to outlive that.
 */
function fileNode(engine: SqliteEngine, store: LockStore): QuorumNode {
  const { place } = engine
  let server: NodeServer | null = null
  return {
    place,
    store,
    server: () => server,
    away: () => null,
    async meet() {
      // The file is made with the first call, and a link to it is the same file.
      await engine.read(() => null).catch(() => {})
      server = { id: idOf(place), startedAtMs: Number.NEGATIVE_INFINITY, inCluster: false }
    },
  }
}

function idOf(place: string): string | null {
  if (place === ':memory:') return null
  try {
    return realpathSync(place)
  } catch {
    return place
  }
}
