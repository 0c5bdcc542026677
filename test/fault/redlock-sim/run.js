// @ts-check
// One run: some clients take and release one lock on simulated nodes, in time that passes by itself.
// The locks are the real ones.

import { check } from '../redlock/check.js'
import { seededChance } from '../sqlite-chance.js'
import { NAME, startClient } from './client.js'
import { planFaults } from './faults.js'
import { createNode } from './node.js'
import { drawScene } from './weather.js'
import { createWorld } from './world.js'

/**
 * @typedef {import('../redlock/check.js').Violation} Violation
 * @typedef {import('../redlock/check.js').Hold} Hold
 * @typedef {import('../redlock/check.js').Write} Write
 * @typedef {import('../redlock/check.js').Call} Call
 *
 * What is taken away, to see that a run finds what it was for: the fence where writes arrive, what is
 * known of restarts, or clocks that run evenly.
 * @typedef {'guard' | 'restarts' | 'drift'} Without
 *
 * @typedef {object} Product what is tried out, as the build has it
 * @property {typeof import('../../../src/redlock/redlock.ts').locksOf} locksOf
 * @property {typeof import('../../../src/errors.ts').EngineUnavailableError} EngineUnavailableError
 *
 * @typedef {object} RunOutcome
 * @property {string} kind
 * @property {number} operations
 * @property {number} grants
 * @property {number} faults
 * @property {Violation[]} violations
 */

/** How much nodes gain where all else counts on a hundredth at most. */
const FAST = 1.3

/** @param {number} seed @param {Product} product @param {Without} [without] @returns {Promise<RunOutcome>} */
export async function simulate(seed, product, without) {
  const chance = seededChance(seed)
  const scene = drawScene(chance)
  const world = createWorld()
  const { ttlMs } = scene
  const nodes = Array.from({ length: scene.nodeCount }, () => {
    const clock = scene.drawNodeClock()
    return createNode(world, without === 'drift' ? { ...clock, rate: clock.rate * FAST } : clock)
  })
  /** @type {{holds: Hold[], writes: Write[], calls: Call[]}} */
  const told = { holds: [], writes: [], calls: [] }
  const resource = createResource(world, told.writes, without !== 'guard')
  const clients = scene.clients.map(({ rate }, index) =>
    startClient({
      ...{ world, chance, scene, nodes, product, rate, resource, told, without },
      who: `${index}`,
    }),
  )
  const faults = planFaults({ world, chance, scene, nodes, clients })
  await world.run(
    ttlMs * 60,
    () => clients.every(({ isDone }) => isDone()),
    () => {
      for (const client of clients) client.look()
    },
  )
  for (const client of clients) client.end()
  return {
    kind: scene.kind,
    operations: told.calls.length,
    grants: told.holds.length,
    faults: faults.count,
    violations: check({ ...told, isExclusive: scene.kind !== 'stepping' }),
  }
}

/** What the lock protects: it takes a write unless it has seen a higher fence. @param {import('./world.js').World} world @param {Write[]} writes @param {boolean} isGuarded */
function createResource(world, writes, isGuarded) {
  let highest = 0
  return (/** @type {Pick<Write, 'who' | 'number' | 'fence'>} */ write) => {
    const isAccepted = !isGuarded || write.fence >= highest
    if (isAccepted) highest = Math.max(highest, write.fence)
    writes.push({ ...write, name: NAME, atMs: world.nowMs(), isAccepted })
  }
}
