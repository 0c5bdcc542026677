import { ArgumentError } from '../errors.ts'
import type { Gate, GateKind } from '../gate/gate.ts'
import { HeldGate, type HeldKind, readTtlMs } from '../gate/held-gate.ts'
import type { Holds } from '../gate/holds.ts'
import { inTheWay } from '../gate/view.ts'
import { readName, readOptions } from '../options.ts'
import type { SemaphoreDemand, SemaphoreStore } from '../semaphore/open.ts'
import { describe } from '../text.ts'
import type { LockDemand, LockStore } from './store.ts'

/** Locks that jobs need. */
export interface LockGates extends GateKind {
  of(name: string, ttlMs: number): Gate
}

/** Read-write locks that jobs need. */
export interface ReadWriteGates extends GateKind {
  of(name: string, mode: 'read' | 'write', ttlMs: number): Gate
}

const FAIR: LockDemand = { fair: true }
/** There is but one thing to ask of a lock. */
const ALL = '1'
const shape = { name: readName, ttlMs: readTtlMs }

export function lockGates(holds: Holds<LockDemand>, store: Pick<LockStore, 'inspect'>): LockGates {
  const locks: HeldKind<LockDemand> = {
    ...{ kind: 'lock', holds },
    isShared: () => false,
    read(said) {
      if (said === ALL) return FAIR
      throw new ArgumentError('gate.demand', `'${ALL}' for a lock`, describe(said))
    },
    hasFence: () => true,
    async describe(name) {
      const { holder, waiters } = await store.inspect(name)
      return inTheWay(holder ? [holder] : [], waiters)
    },
    reserve: (held, count) => held.reserve(count),
  }

  return {
    kind: locks.kind,
    of(name, ttlMs) {
      const terms = { name: readName(name, 'gate.name'), ttlMs: readTtlMs(ttlMs, 'gate.ttlMs') }
      return new HeldGate(locks, terms, ALL)
    },
    open: (terms, demand = ALL) =>
      new HeldGate(locks, readOptions('gate.terms', terms, shape), demand),
  }
}

/** @param demands what a reader and a writer ask for */
export function readWriteGates(
  holds: Holds<SemaphoreDemand>,
  store: Pick<SemaphoreStore, 'inspect'>,
  demands: Readonly<Record<'read' | 'write', SemaphoreDemand>>,
): ReadWriteGates {
  const shares: HeldKind<SemaphoreDemand> = {
    ...{ kind: 'read-write-lock', holds },
    isShared: () => true,
    read(said) {
      if (said === 'read' || said === 'write') return demands[said]
      throw new ArgumentError('gate.demand', "'read' or 'write'", describe(said))
    },
    hasFence: (asked) => asked === demands.write,
    async describe(name) {
      const { holders, waiters } = await store.inspect(name)
      const isWritten = holders[0]?.weight === demands.write.weight
      return inTheWay(holders, waiters, isWritten ? 'written' : 'read')
    },
  }

  return {
    kind: shares.kind,
    of(name, mode, ttlMs) {
      const terms = { name: readName(name, 'gate.name'), ttlMs: readTtlMs(ttlMs, 'gate.ttlMs') }
      return new HeldGate(shares, terms, mode)
    },
    open: (terms, demand = 'read') =>
      new HeldGate(shares, readOptions('gate.terms', terms, shape), demand),
  }
}
