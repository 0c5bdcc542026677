import type { RedisEngine } from '../../engine/redis/engine.ts'

/** What other clients publish about names under one topic, to those here who listen for the name. */
export interface News {
  /** Calls back with each message of the name, and when some may have been missed. */
  on(name: string, listener: () => void): () => void
  tell(name: string): void
}

export function redisNews(engine: RedisEngine, topic: string): News {
  const listeners = new Map<string, Set<() => void>>()

  function tell(name: string): void {
    for (const listener of [...(listeners.get(name) ?? [])]) listener()
  }

  function tellAll(): void {
    for (const name of [...listeners.keys()]) tell(name)
  }

  engine.inbox.on(topic, tell)
  engine.inbox.onDoubt(tellAll)
  engine.onDoubt(tellAll)

  return {
    tell,
    on(name, listener) {
      const entry = () => listener()
      const entries = listeners.get(name) ?? new Set()
      listeners.set(name, entries.add(entry))
      return () => {
        entries.delete(entry)
        if (entries.size === 0 && listeners.get(name) === entries) listeners.delete(name)
      }
    },
  }
}
