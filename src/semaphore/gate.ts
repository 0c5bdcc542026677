import { ArgumentError } from '../errors.ts'
import type { Gate, GateKind } from '../gate/gate.ts'
import { heldGate, readTtlMs } from '../gate/held-gate.ts'
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

const readPermits = count(1, MOST_PERMITS)
const shape = { name: readName, permits: readPermits, ttlMs: readTtlMs }

export function semaphoreGates(
  holds: Holds<SemaphoreDemand>,
  store: Pick<SemaphoreStore, 'inspect'>,
): SemaphoreGates {
  const kind = 'semaphore'

  const gate = (name: string, permits: number, ttlMs: number, demand: string): Gate =>
    heldGate(holds, {
      ...{ kind, name, ttlMs, demand, isShared: true, own: { permits } },
      read(said) {
        const weight = /^[1-9]\d{0,6}$/.test(said) ? Number(said) : Number.NaN
        if (weight <= permits) return { weight, permits, solo: false }
        const expected = `1 to ${permits}, the permits of semaphore ${JSON.stringify(name)}`
        throw new ArgumentError('gate.demand', expected, describe(said), HINT)
      },
      hasFence: () => false,
      async describe() {
        const { permits: all, used, holders, waiters } = await store.inspect(name)
        return inTheWay(holders, waiters.length, `${used} of ${all} permits held`)
      },
    })

  return {
    kind,
    of: (name, permits, weight, ttlMs) =>
      gate(
        readName(name, 'gate.name'),
        readPermits(permits, 'gate.permits'),
        readTtlMs(ttlMs, 'gate.ttlMs'),
        String(weight),
      ),
    open(terms, demand = '1') {
      const { name, permits, ttlMs } = readOptions('gate.terms', terms, shape)
      return gate(name, permits, ttlMs, demand)
    },
  }
}

const HINT = 'Add the job with a lower weight, or give the semaphore more permits.'
