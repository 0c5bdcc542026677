import { ArgumentError } from '../errors.ts'
import type { Gate, GateKind } from '../gate/gate.ts'
import { HeldGate, type HeldKind, type HeldTerms, readTtlMs } from '../gate/held-gate.ts'
import type { Holds } from '../gate/holds.ts'
import { inTheWay } from '../gate/view.ts'
import { count, readName, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import { MOST_PERMITS } from './options.ts'
import type { SemaphoreDemand, SemaphoreStore } from './store.ts'

/** Permits that jobs need. */
export interface SemaphoreGates extends GateKind {
  of(name: string, permits: number, weight: number, ttlMs: number): Gate
}

interface SemaphoreTerms extends HeldTerms {
  permits: number
}

const readPermits = count(1, MOST_PERMITS)
const shape = { name: readName, permits: readPermits, ttlMs: readTtlMs }

export function semaphoreGates(
  holds: Holds<SemaphoreDemand>,
  store: Pick<SemaphoreStore, 'inspect'>,
): SemaphoreGates {
  const semaphores: HeldKind<SemaphoreDemand, SemaphoreTerms> = {
    ...{ kind: 'semaphore', holds },
    isShared: ({ permits }) => permits > 1,
    read(said, { name, permits }) {
      const weight = /^[1-9]\d{0,6}$/.test(said) ? Number(said) : Number.NaN
      if (weight <= permits) return { weight, permits, solo: false }
      const expected = `1 to ${permits}, the permits of semaphore ${JSON.stringify(name)}`
      throw new ArgumentError('gate.demand', expected, describe(said), HINT)
    },
    hasFence: () => false,
    async describe(name) {
      const { permits, used, holders, waiters } = await store.inspect(name)
      return inTheWay(holders, waiters, `${used} of ${permits} permits held`)
    },
    // There are no fences to reserve.
    reserve: async ({ name }) => (await store.inspect(name)).waiters.length === 0,
  }

  return {
    kind: semaphores.kind,
    of(name, permits, weight, ttlMs) {
      const terms = {
        name: readName(name, 'gate.name'),
        permits: readPermits(permits, 'gate.permits'),
        ttlMs: readTtlMs(ttlMs, 'gate.ttlMs'),
      }
      return new HeldGate(semaphores, terms, String(weight))
    },
    open: (terms, demand = '1') =>
      new HeldGate(semaphores, readOptions('gate.terms', terms, shape), demand),
  }
}

const HINT = 'Add the job with a lower weight, or give the semaphore more permits.'
