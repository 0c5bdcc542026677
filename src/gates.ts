import { ArgumentError } from './errors.ts'
import type { Gate, GateKind, Gates } from './gate/gate.ts'
import type { LimitGates } from './limit/open.ts'
import type { LockGates, ReadWriteGates } from './lock/open.ts'
import type { SemaphoreGates } from './semaphore/open.ts'
import { describe } from './text.ts'

/** Whose handles name all that a job has to ask for. */
interface Openings {
  gateOf(handle: object, ttlMs: number): Gate | null
}

/** What each capability of one engine makes gates of. */
export interface AllKinds {
  locks: { gates: LockGates } & Openings
  readWriteLocks: { gates: ReadWriteGates }
  semaphores: { gates: SemaphoreGates } & Openings
  limits: { gates: LimitGates }
}

/** The one place that knows every kind of gate: queues know none, and capabilities not each other. */
export function openGates({ locks, readWriteLocks, semaphores, limits }: AllKinds): Gates {
  const kinds: readonly GateKind[] = [
    ...[locks.gates, readWriteLocks.gates],
    ...[semaphores.gates, limits.gates],
  ]
  return {
    lock: (name, ttlMs) => locks.gates.of(name, ttlMs),
    readWriteLock: (name, mode, ttlMs) => readWriteLocks.gates.of(name, mode, ttlMs),
    semaphore: (name, permits, weight, ttlMs) => semaphores.gates.of(name, permits, weight, ttlMs),
    limit: (limiter, key, cost) => limits.gates.of(limiter, key, cost),
    behind: (handle, ttlMs) => locks.gateOf(handle, ttlMs) ?? semaphores.gateOf(handle, ttlMs),
    open(text, demand) {
      const { kind: said, ...terms } = parse(text)
      const kind = kinds.find(({ kind }) => kind === said)
      if (kind) return kind.open(terms, demand)
      const expected = `one of ${kinds.map(({ kind }) => kind).join(', ')}`
      throw new ArgumentError('gate.kind', expected, describe(said), HINT)
    },
  }
}

const HINT = 'Jobs may have been added by a newer version of sluice: upgrade it in this process.'

function parse(text: string): Record<string, unknown> {
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    // What is no JSON is as wrong as what is JSON of anything else.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new ArgumentError('gate.terms', 'a JSON object', describe(text))
}
