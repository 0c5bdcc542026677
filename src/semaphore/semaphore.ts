import type { Clock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import type { Gate } from '../gate/gate.ts'
import type { Hold } from '../gate/handle.ts'
import { type Holdable, Taker, takingShapes } from '../gate/holdable.ts'
import { Holds } from '../gate/holds.ts'
import { count, readName, readOptions } from '../options.ts'
import { type SemaphoreGates, semaphoreGates } from './gate.ts'
import {
  MOST_PERMITS,
  type PermitOptions,
  permitOptions,
  type SemaphoreOptions,
  semaphoreOptions,
} from './options.ts'
import type { SemaphoreDemand, SemaphoreStore } from './store.ts'
import { type SemaphoreView, semaphoreViewOf } from './view.ts'

/** Some of a limited number of permits, held for a limited time. They carry no fence: others hold, too. */
export interface Permit extends Hold {
  /** How many permits it takes. */
  readonly weight: number
}

/** At most so many at a time, in all processes on the same engine and prefix. */
export interface Semaphore extends Holdable<Permit, PermitOptions> {
  readonly name: string
  /** Who holds how much and who waits, as of now. Changes nothing. */
  inspect(): Promise<SemaphoreView>
  /**
   * Changes the number of permits for everybody. More let waiters in at once, fewer count as soon as
   * enough are given back. Processes that say the old number go on.
   */
  resize(permits: number): Promise<void>
}

/** All semaphores of one engine. */
export interface Semaphores {
  semaphore(name: string, options: SemaphoreOptions): Semaphore
  list(limit: number): Promise<SemaphoreView[]>
  readonly gates: SemaphoreGates
  /** The gate to one permit of one of these; null for anything else. */
  gateOf(handle: object, ttlMs: number): Gate | null
  /** Ends every wait, and every permit that is held here with reason `closed`. */
  close(): Promise<void>
}

type Read = { weight: number }
const shapes = takingShapes<Read>(permitOptions)

export function createSemaphores(
  store: SemaphoreStore,
  clock: Clock,
  clientId: string,
): Semaphores {
  const holds = new Holds<SemaphoreDemand>('Semaphore', store, clock, clientId, 's')
  const gates = semaphoreGates(holds, store)
  const gatesOfHandles = new WeakMap<object, (ttlMs: number) => Gate>()

  return {
    semaphore(givenName, options) {
      const name = readName(givenName, 'semaphore.name')
      const read = readOptions('semaphore', options, semaphoreOptions)
      const { ttl: ttlMs, maxHold: maxHoldMs, metadata, durability: replicas } = read
      let { permits } = read
      const taker = new Taker<Permit, Read, PermitOptions>(shapes, ({ wait, signal, weight }) => {
        if (weight > permits) throw tooHeavy(weight, permits)
        const demand = { weight, permits, solo: false }
        const terms = { name, ttlMs, maxHoldMs, metadata, replicas, demand }
        return holds.acquire(terms, wait, signal, (held) =>
          Object.assign(held.handle(), { weight }),
        )
      })
      gatesOfHandles.set(taker, (ttlMs) => gates.of(name, permits, 1, ttlMs))
      return Object.assign(taker, {
        name,
        inspect: async () => semaphoreViewOf(await store.inspect(name)),
        async resize(given: number) {
          const size = count(1, MOST_PERMITS)(given, 'resize.permits')
          await store.resize({ name, permits: size })
          permits = size
        },
      })
    },
    list: async (limit) => (await store.list(limit)).map(semaphoreViewOf),
    gates,
    gateOf: (handle, ttlMs) => gatesOfHandles.get(handle)?.(ttlMs) ?? null,
    close: () => holds.close(),
  }
}

const tooHeavy = (weight: number, permits: number) =>
  new ArgumentError('acquire.weight', `at most the ${permits} permits that there are`, `${weight}`)
