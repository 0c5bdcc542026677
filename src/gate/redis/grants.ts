import type { RedisEngine } from '../../engine/redis/engine.ts'
import type { GateStore, Grant, Owner } from '../store.ts'

/** Tells this client's waiters of their grants, and when some may have been missed. */
export interface RedisGrants extends Pick<GateStore<never>, 'onGrant' | 'onDoubt'> {
  /** A reply named one of this client's waiters; an empty owner is nobody. */
  tell(owner: Owner, fence: number, successor?: Owner): void
}

/** Grants that other clients make come as messages, `FENCE OWNER SUCCESSOR` under the topic. */
export function redisGrants(engine: RedisEngine, topic: string): RedisGrants {
  const listeners = new Set<(grant: Grant) => void>()

  function tell(owner: Owner, fence: number, successor = ''): void {
    if (owner === '') return
    engine.sawFence(fence)
    const grant = successor === '' ? { owner, fence } : { owner, fence, successor }
    for (const listener of listeners) listener(grant)
  }

  engine.inbox.on(topic, (text) => {
    const [fence, owner = '', successor] = text.split(' ')
    tell(owner, Number(fence), successor)
  })

  return {
    tell,
    onGrant(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onDoubt(listener) {
      const stops = [engine.inbox.onDoubt(listener), engine.onDoubt(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

/** A message's first word, and the rest. */
export function splitOnce(text: string): [string, string] {
  const space = text.indexOf(' ')
  return [text.slice(0, space), text.slice(space + 1)]
}
