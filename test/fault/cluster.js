// @ts-check
// A real Redis Cluster on this machine.

import { busDistance } from '../../scripts/ports.js'
import { innerAddress, isInner } from './inner.js'
import { startProxy } from './proxy.js'
import { isInStep, readFields, send, waitUntil } from './resp.js'
import { startServer } from './server.js'

/**
 * @typedef {object} ClusterOptions
 * @property {number} [masters] 3
 * @property {number} [replicas] of each master; 0
 * @property {number} [nodeTimeoutMs] after which nodes call another one failed; 1000
 * @property {boolean} [proxied] a proxy in front of each node, whose port is the one that clients
 *   learn, also from redirections. The bus and replication never fail with it: see inner.js.
 * @property {boolean | 'always'} [persist]
 * @property {readonly string[]} [args] more arguments for each server
 *
 * @typedef {import('./server.js').Server & {id: string, proxy: import('./proxy.js').FaultProxy | undefined, address: string, role: () => Promise<string>}} ClusterNode
 *
 * @typedef {object} NodeView what a node says about one node of its cluster
 * @property {string} id
 * @property {boolean} isSelf
 * @property {boolean} isMaster
 * @property {string} masterId `-` for a master
 * @property {number} epoch
 * @property {[number, number][]} slots
 *
 * @typedef {'importing' | 'migrating' | 'moved' | 'done'} MoveStep
 *
 * @typedef {Awaited<ReturnType<typeof startCluster>>} Cluster
 */

const slotCount = 16_384
const readyTimeoutMs = 15_000

/** @param {ClusterOptions} [options] */
export async function startCluster(options = {}) {
  const { masters = 3, replicas = 0 } = options
  /** @type {ClusterNode[]} */
  const nodes = []
  const close = async () => {
    await Promise.all(nodes.flatMap((node) => [node.close(), node.proxy?.close()]))
  }
  try {
    const starts = Array.from({ length: masters * (1 + replicas) }, () => startNode(options))
    for (const start of await Promise.allSettled(starts)) {
      if (start.status === 'fulfilled') nodes.push(start.value)
      else throw start.reason
    }
    await join(nodes, masters)
  } catch (error) {
    await close()
    throw error
  }

  const up = () => nodes.filter((node) => node.isUp)
  const proxies = nodes.flatMap((node) => node.proxy ?? [])

  /** Waits until all nodes that are up are content and agree, and all replicas are in step. */
  const ready = (withinMs = readyTimeoutMs) =>
    waitUntil('the cluster is ready', withinMs, () => areReady(up()))

  /** The node whose id is in charge, by those who claim it, else by what the others say. @param {number} slot */
  async function findOwner(slot) {
    const all = await Promise.all(up().map(async (node) => await viewFrom(node)))
    const views = all.flat().filter(({ slots }) => slots.some(([a, b]) => a <= slot && slot <= b))
    // A former master that has not heard the news yet still claims its slots, in an older epoch.
    const rank = (/** @type {NodeView} */ view) => view.epoch * 2 + Number(view.isSelf)
    const owner = views.sort((a, b) => rank(b) - rank(a))[0]
    return nodes.find((node) => node.id === owner?.id)
  }

  /** @param {string | number} at a slot, or a key in it */
  async function slotOf(at) {
    if (typeof at === 'number') return at
    const [node] = up()
    return Number(await node?.command('CLUSTER', 'KEYSLOT', at))
  }

  /** The node in charge of a slot, or of the slot of a key. @param {string | number} at */
  async function masterOf(at) {
    const owner = await findOwner(await slotOf(at))
    if (owner === undefined) throw new Error(`No node that is up knows who serves ${at}.`)
    return owner
  }

  /** The replicas of a node that are up. @param {ClusterNode} master */
  async function replicasOf(master) {
    const views = await Promise.all(
      up().map(async (node) => ({ node, self: (await viewFrom(node)).find((v) => v.isSelf) })),
    )
    return views.filter(({ self }) => self?.masterId === master.id).map(({ node }) => node)
  }

  return {
    nodes,
    /** One for each node of a proxied cluster, else none. */
    proxies,
    url: `redis+cluster://${nodes.map(({ address }) => address).join(',')}`,
    ready,
    masterOf,
    replicasOf,
    /** What befalls all clients at once. @param {Parameters<import('./proxy.js').FaultProxy['fail']>[0]} outage */
    fail: async (outage) => void (await Promise.all(proxies.map((proxy) => proxy.fail(outage)))),
    pass: async () => void (await Promise.all(proxies.map((proxy) => proxy.pass()))),
    /**
     * A replica takes over, and is given back once it is in charge. `force` does not ask the
     * master, `takeover` not even the other masters: for when they are down.
     *
     * @param {{key?: string | number, force?: boolean | 'takeover'}} [how]
     */
    async failover({ key = 0, force = false } = {}) {
      const slot = await slotOf(key)
      const [replica] = await replicasOf(await masterOf(slot))
      if (replica === undefined) throw new Error(`The master of ${key} has no replica that is up.`)
      const how = force === 'takeover' ? ['TAKEOVER'] : force ? ['FORCE'] : []
      await replica.command('CLUSTER', 'FAILOVER', ...how)
      const hasTakenOver = async () => (await findOwner(slot)) === replica
      await waitUntil('the replica takes over', readyTimeoutMs, hasTakenOver)
      if (force === false) await ready()
      return replica
    },
    /**
     * Moves a slot with its keys to another master, as a reshard does.
     *
     * @param {string | number} at the slot, or a key in it
     * @param {ClusterNode} target
     * @param {(step: MoveStep) => unknown} [between] awaited after each step
     */
    async moveSlot(at, target, between = () => {}) {
      const slot = await slotOf(at)
      const source = await masterOf(slot)
      if (source === target) return
      await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id)
      await between('importing')
      await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id)
      await between('migrating')
      for (;;) {
        const keys = await source.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)
        if (!Array.isArray(keys) || keys.length === 0) break
        const names = keys.map(String)
        await source.command('MIGRATE', target.host, target.port, '', 0, 5000, 'KEYS', ...names)
      }
      await between('moved')
      // First the new owner, so that no moment has none.
      for (const node of [target, source, ...up()]) {
        if ((await node.role()) !== 'master') continue
        await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', target.id)
      }
      await between('done')
    },
    /** Ends all nodes and proxies, and removes their folders. */
    close,
  }
}

/** @param {ClusterOptions} options @returns {Promise<ClusterNode>} */
async function startNode({ nodeTimeoutMs = 1_000, proxied = false, persist = false, args = [] }) {
  const proxy = proxied ? await startProxy({ to: { port: 1 }, spares: isInner }) : undefined
  const server = await startServer({
    persist,
    settings: ({ port, folder }) => [
      'cluster-enabled yes',
      // Outside of the data folder: a node that lost its data is still the same node.
      `cluster-config-file ${folder}/nodes.conf`,
      `cluster-node-timeout ${nodeTimeoutMs}`,
      'repl-diskless-sync-delay 0',
      // Clients are told of a replica once it has received something.
      'repl-ping-replica-period 1',
      ...(proxy === undefined
        ? []
        : [
            `bind-source-addr ${innerAddress}`,
            'cluster-announce-ip 127.0.0.1',
            `cluster-announce-port ${proxy.port}`,
            `cluster-announce-bus-port ${port + busDistance}`,
          ]),
    ],
    args,
  })
  proxy?.retarget(server)
  const id = String(await server.command('CLUSTER', 'MYID'))
  const address = `127.0.0.1:${proxy?.port ?? server.port}`
  const role = async () => {
    const answer = await server.command('ROLE')
    return String(Array.isArray(answer) ? answer[0] : answer)
  }
  return Object.assign(server, { id, proxy, address, role })
}

/** @param {ClusterNode[]} nodes @param {number} masters */
async function join(nodes, masters) {
  await Promise.all(
    nodes.map(async (node, index) => {
      // Different from the start: nodes would else need some rounds to agree on it.
      const commands = [['CLUSTER', 'SET-CONFIG-EPOCH', index + 1]]
      if (index < masters) {
        const first = Math.floor((slotCount * index) / masters)
        const end = Math.floor((slotCount * (index + 1)) / masters)
        const slots = Array.from({ length: end - first }, (_, at) => first + at)
        commands.push(['CLUSTER', 'ADDSLOTS', ...slots])
      }
      for (const other of nodes.slice(0, index)) {
        const port = other.proxy?.port ?? other.port
        commands.push(['CLUSTER', 'MEET', '127.0.0.1', port, other.port + busDistance])
      }
      await send(node, ...commands)
    }),
  )
  await waitUntil('all nodes know each other', readyTimeoutMs, async () => {
    const views = await Promise.all(nodes.map(viewFrom))
    const isKnown = (/** @type {NodeView} */ view) => nodes.some(({ id }) => id === view.id)
    return views.every((view) => view.filter(isKnown).length === nodes.length)
  })
  await Promise.all(
    nodes.slice(masters).map(async (node, index) => {
      await node.command('CLUSTER', 'REPLICATE', nodes[index % masters]?.id ?? '')
    }),
  )
  await waitUntil('the cluster is ready', readyTimeoutMs, () => areReady(nodes))
}

/** @param {ClusterNode[]} nodes those that are up */
async function areReady(nodes) {
  const answers = await Promise.all(nodes.map(isContent))
  if (!answers.every(Boolean)) return false
  // Whoever moves slots or votes needs to know who is a master by now, and who replicates whom.
  const views = await Promise.all(nodes.map(viewFrom))
  const pictures = views.map((view) => {
    const lines = view.map(({ id, masterId, slots }) => `${id} ${masterId} ${slots}`)
    return lines.sort().join('\n')
  })
  return new Set(pictures).size === 1
}

/** @param {ClusterNode} node */
async function isContent(node) {
  const [cluster, replication] = await Promise.all([
    node.command('CLUSTER', 'INFO'),
    node.command('INFO', 'replication'),
  ])
  return readFields(cluster).cluster_state === 'ok' && isInStep(replication)
}

/** @param {ClusterNode} node @returns {Promise<NodeView[]>} */
async function viewFrom(node) {
  const lines = String(await node.command('CLUSTER', 'NODES'))
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [id = '', , flags = '', masterId = '', , , epoch = '', , ...ranges] = line.split(' ')
    const words = flags.split(',')
    return {
      id,
      isSelf: words.includes('myself'),
      isMaster: words.includes('master'),
      masterId,
      epoch: Number(epoch),
      slots: ranges
        .filter((range) => !range.startsWith('['))
        .map((range) => {
          const [first = -1, last = first] = range.split('-').map(Number)
          return [first, last]
        }),
    }
  })
}
