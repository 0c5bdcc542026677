// @ts-check
// Outages that only several servers can have: roles and slots change hands, or nobody knows whose
// they are.
import {
  clusterWithReplicas,
  mastersOf,
  plain,
  RESUME_AFTER_FAILOVER_MS,
  watched,
} from './grounds.js'
import { BUSY_KEY, crashOfMaster, delay, expectation, repeat } from './kinds-server.js'

/**
 * @typedef {import('./kinds.js').Kind} Kind
 * @typedef {import('./kinds.js').Ground} Ground
 * @typedef {import('../cluster.js').Cluster} Cluster
 * @typedef {import('../sentinel.js').Sentinel} Sentinel
 */

const LENGTHS_OF_EXTRAS_S = [1, 6, 15]
/** What the workload uses, one key in each slot. */
const KEYS = ['{work}', '{contended}', '{pulled}', '{shared}']

/** These kinds start no other ground. @param {Ground} ground */
const asCluster = (ground) => /** @type {Cluster} */ (/** @type {unknown} */ (ground))
/** @param {Ground} ground */
const asSentinel = (ground) => /** @type {Sentinel} */ (/** @type {unknown} */ (ground))

/** @type {Kind[]} */
export const topologyKinds = [
  {
    name: 'handover',
    about: 'by order, a replica takes over from its master, again and again',
    topologies: { sentinel: watched.sentinel, cluster: clusterWithReplicas },
    // A cluster's master hands over only once its replica has everything.
    expects: (topology) =>
      expectation({
        ...{ tells: 'never', resumeWithinMs: RESUME_AFTER_FAILOVER_MS },
        loses: topology === 'sentinel' ? 'failover' : 'none',
      }),
    async begin({ ground, topology, count }) {
      const order =
        topology === 'sentinel'
          ? () => asSentinel(ground).failover()
          : () => asCluster(ground).failover({ key: BUSY_KEY })
      const stop = repeat(async () => {
        count()
        await order()
      }, 2_000)
      return async () => {
        await stop()
        await ground.ready()
      }
    },
  },
  {
    name: 'failover',
    about: 'a master is killed, its replica takes over, and it comes back as a replica',
    topologies: { cluster: clusterWithReplicas },
    expects: () =>
      expectation({
        ...{ tellsIdle: false, loses: 'failover' },
        resumeWithinMs: RESUME_AFTER_FAILOVER_MS,
      }),
    begin: crashOfMaster,
  },
  {
    name: 'no-majority',
    about: 'two of three masters are stopped',
    topologies: { cluster: plain.cluster },
    expects: () => expectation({ tells: 'whenLong', tellsIdle: false }),
    async begin({ ground }) {
      const stopped = (await mastersOf(ground)).slice(0, 2)
      for (const master of stopped) master.pause()
      return async () => {
        for (const master of stopped) master.resume()
        await ground.ready()
      }
    },
  },
  {
    name: 'moving-slots',
    about: 'slots of keys in use move from node to node and back',
    topologies: { cluster: plain.cluster },
    expects: () => expectation({ tells: 'never' }),
    async begin({ ground, count }) {
      const cluster = asCluster(ground)
      const stop = repeat(async () => {
        for (const key of KEYS) {
          const owner = await cluster.masterOf(key)
          const at = cluster.nodes.indexOf(owner)
          const target = cluster.nodes[(at + 1) % cluster.nodes.length] ?? owner
          count()
          await cluster.moveSlot(key, target, () => delay(20))
        }
      }, 50)
      return async () => {
        await stop()
        await ground.ready()
      }
    },
  },
  {
    name: 'no-sentinels',
    about: 'connections are reset while no sentinel can be asked',
    topologies: { sentinel: plain.sentinel },
    expects: () => expectation(),
    lengthsS: LENGTHS_OF_EXTRAS_S,
    async begin({ ground }) {
      const { nodes, sentinels } = asSentinel(ground)
      await Promise.all(sentinels.map(({ proxy }) => proxy?.fail('refused')))
      await Promise.all(nodes.map(({ proxy }) => proxy?.fail({ old: 'reset' })))
      return ground.pass
    },
  },
]
