import { ArgumentError } from './errors.ts'
import type { Gates, UnitTaker } from './gate/gate.ts'
import type { Limiter, Rule } from './limit/index.ts'
import { type Limits, ruleAgain } from './limit/open.ts'
import type { Locks, openReadWriteLocks } from './lock/open.ts'
import type { openSemaphores } from './semaphore/open.ts'
import { describe } from './text.ts'

interface Capabilities {
  locks: Pick<Locks, 'gate'>
  readWriteLocks: Pick<ReturnType<typeof openReadWriteLocks>, 'gate'>
  semaphores: Pick<ReturnType<typeof openSemaphores>, 'gate'>
  limits: Pick<Limits, 'gate' | 'limiter'>
}

/** As every kind writes them. */
interface Terms {
  kind?: string
  name?: string
  ttlMs?: number
  permits?: number
  key?: string
  rules?: readonly Rule[]
  tag?: string
}

/** What jobs can wait for. It is put together here, as capabilities do not know of each other. */
export function gatesOf({ locks, readWriteLocks, semaphores, limits }: Capabilities): Gates {
  function limiterOf(limiter: UnitTaker | { name: string; rules: readonly object[] }): Limiter {
    if ('take' in limiter) return limiter as Limiter
    return limits.limiter(limiter.name, limiter.rules as Rule[])
  }

  return {
    lock: (name, ttlMs) => locks.gate(name, ttlMs),
    readWriteLock: (name, mode, ttlMs) => readWriteLocks.gate(name, mode, ttlMs),
    semaphore: (name, permits, weight, ttlMs) => semaphores.gate(name, permits, weight, ttlMs),
    limit: (limiter, key, cost) => limits.gate(limiterOf(limiter), key, cost),
    open(text, demand = '1') {
      const { kind, name, ttlMs, permits, key, rules, tag } = read(text)
      if (name !== undefined && ttlMs !== undefined) {
        if (kind === 'lock') return locks.gate(name, ttlMs)
        if (kind === 'read-write-lock') {
          return readWriteLocks.gate(name, demand === 'write' ? 'write' : 'read', ttlMs)
        }
        if (kind === 'semaphore' && permits) {
          return semaphores.gate(name, permits, Number(demand), ttlMs)
        }
      }
      if (kind === 'limit' && name !== undefined && key !== undefined && rules) {
        const options = tag === undefined ? {} : { tag }
        return limits.gate(limits.limiter(name, rules.map(ruleAgain), options), key, Number(demand))
      }
      throw unreadable(text)
    },
  }
}

function read(text: string): Terms {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(text)
  }
}

const unreadable = (text: string) =>
  new ArgumentError('gate.terms', 'what this version of sluice wrote', describe(text))
