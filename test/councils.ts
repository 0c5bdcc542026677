// Councils of nodes for tests: each node a real store in memory, whose calls go wrong as planned.
import { afterEach } from 'vitest'
import { StoreResetError } from '../src/errors.ts'
import { openLockStore } from '../src/lock/open.ts'
import type { LockStore } from '../src/lock/store.ts'
import type { NodeServer, QuorumNode } from '../src/redlock/node.ts'
import { type CouncilOptions, locksOf } from '../src/redlock/redlock.ts'
import { createSluice, insideOf } from '../src/sluice.ts'
import { type FaultPlan, faulty } from '../src/testing/faulty.ts'
import { type TestClock, testClock } from '../src/testing/index.ts'

export interface TestNode {
  /** What goes wrong with its calls. */
  plan: FaultPlan<LockStore>
  server: NodeServer
  away: string | null
  /** When its data was found to be lost, if ever. */
  resetAtMs: number
  readonly store: LockStore
  /** The calls that it got. */
  readonly calls: string[]
}

export interface TestCouncil {
  readonly clock: TestClock
  readonly nodes: TestNode[]
  /** Locks of one more client of the nodes. */
  client(options?: Partial<CouncilOptions>): ReturnType<typeof locksOf>
  /** On how many nodes the lock is held. */
  holders(name: string): Promise<number>
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

/** A node that has been there for long. */
const OLD = Number.NEGATIVE_INFINITY

/** @param storeClock what a node takes for the time, where it is not that of the test */
export function openCouncil(
  count: number,
  storeClock: (clock: TestClock, index: number) => TestClock = (clock) => clock,
): TestCouncil {
  const clock = testClock()
  const nodes = Array.from({ length: count }, (_, index): TestNode => {
    const sluice = createSluice('memory:', { clock: storeClock(clock, index) })
    cleanUps.push(() => sluice.close())
    const { engine } = insideOf(sluice)
    clock.settleWith(() => engine.idle())
    return {
      plan: () => undefined,
      server: { id: `server ${index}`, startedAtMs: OLD, inCluster: false },
      away: null,
      resetAtMs: OLD,
      store: openLockStore(engine),
      calls: [],
    }
  })
  const quorumNodes = nodes.map(
    (node, index): QuorumNode => ({
      place: `node ${index}`,
      store: {
        ...faulty(node.store, (call) => {
          node.calls.push(call.method)
          return node.plan(call)
        }),
        resetSince: (sinceMs) =>
          node.resetAtMs >= sinceMs ? new StoreResetError(`node ${index}`, 'emptied') : null,
      },
      server: () => node.server,
      away: () => node.away,
      meet: async () => {},
    }),
  )
  return {
    clock,
    nodes,
    client(options = {}) {
      const locks = locksOf(quorumNodes, {
        ...{ clock, fence: true, minValidityMs: 0, nodeTimeoutMs: null, longestTtlMs: 60_000 },
        ...{ meetTimeoutMs: 1_000, random: () => 0.5 },
        ...options,
      })
      cleanUps.unshift(() => locks.close())
      return locks
    },
    async holders(name) {
      const views = await Promise.all(nodes.map(({ store }) => store.inspect(name)))
      return views.filter(({ holder }) => holder !== null).length
    },
  }
}
