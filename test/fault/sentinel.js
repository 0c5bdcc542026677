// @ts-check
// A real master with replicas and sentinels on this machine.
import { innerAddress, isInner } from './inner.js'
import { startProxy } from './proxy.js'
import { isInStep, readFields, waitUntil } from './resp.js'
import { startServer } from './server.js'

/**
 * @typedef {object} SentinelOptions
 * @property {number} [replicas] 2
 * @property {number} [sentinels] 3
 * @property {string} [name] mymaster
 * @property {number} [downAfterMs] of silence, after which a sentinel calls a node down; 500
 * @property {boolean} [proxied] a proxy in front of each node and each sentinel, whose ports are
 *   the ones that clients learn. What they say to each other never fails with it: see inner.js.
 * @property {boolean | 'always'} [persist]
 * @property {readonly string[]} [args] more arguments for master and replicas
 *
 * @typedef {import('./server.js').Server & {proxy: import('./proxy.js').FaultProxy | undefined, address: string, publicPort: number}} SentinelMember
 * @typedef {Awaited<ReturnType<typeof startSentinel>>} Sentinel
 */

const readyTimeoutMs = 15_000
const failoverTimeoutMs = 3_000

/** @param {SentinelOptions} [options] */
export async function startSentinel(options = {}) {
  const { replicas = 2, sentinels: sentinelCount = 3, name = 'mymaster', proxied = false } = options
  /** @type {SentinelMember[]} */
  const members = []
  const close = async () => {
    await Promise.all(members.flatMap((member) => [member.close(), member.proxy?.close()]))
  }

  /**
   * @param {(publicPort: number | undefined) => readonly string[]} settings
   * @param {import('./server.js').ServerOptions} more
   */
  async function start(settings, more) {
    const proxy = proxied ? await startProxy({ to: { port: 1 }, spares: isInner }) : undefined
    const own = proxied ? [`bind-source-addr ${innerAddress}`] : []
    const server = await startServer({
      ...more,
      settings: () => [...own, ...settings(proxy?.port)],
    })
    proxy?.retarget(server)
    const publicPort = proxy?.port ?? server.port
    const address = `127.0.0.1:${publicPort}`
    const member = Object.assign(server, { proxy, address, publicPort })
    members.push(member)
    return member
  }

  /** @param {number} [masterPort] */
  async function startNode(masterPort) {
    const { args = [], persist = false } = options
    /** @param {number | undefined} port */
    const settings = (port) => [
      'repl-diskless-sync-delay 0',
      ...(port ? ['replica-announce-ip 127.0.0.1', `replica-announce-port ${port}`] : []),
      ...(masterPort ? [`replicaof 127.0.0.1 ${masterPort}`] : []),
    ]
    return await start(settings, { args, persist })
  }

  /** @param {number} masterPort @param {number} index */
  async function startWatcher(masterPort, index) {
    const { downAfterMs = 500 } = options
    const quorum = Math.floor(sentinelCount / 2) + 1
    /** @param {number | undefined} port */
    const settings = (port) => [
      `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
      `sentinel parallel-syncs ${name} ${replicas + 1}`,
      ...(port ? ['sentinel announce-ip 127.0.0.1', `sentinel announce-port ${port}`] : []),
    ]
    const sentinel = await start(settings, { isSentinel: true })
    // They say hello every 2 s and ask for replicas every 10 s; too long to wait for.
    await sentinel.command('SENTINEL', 'DEBUG', 'PUBLISH-PERIOD', 200 + index, 'INFO-PERIOD', 500)
    return sentinel
  }

  try {
    const first = await startNode()
    const starts = Array.from({ length: replicas }, () => startNode(first.publicPort))
    const nodes = [first, ...(await Promise.all(starts))]
    await waitUntil('the replicas are in step', readyTimeoutMs, async () => {
      const infos = await Promise.all(nodes.slice(1).map((node) => node.command('INFO')))
      return infos.every((info) => readFields(info).master_link_status === 'up')
    })
    const watchers = Array.from({ length: sentinelCount }, (_, index) =>
      startWatcher(first.publicPort, index),
    )
    const sentinels = await Promise.all(watchers)
    const topology = describe(name, nodes, sentinels)
    await topology.ready()
    return { ...topology, close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * @param {string} name
 * @param {SentinelMember[]} nodes
 * @param {SentinelMember[]} sentinels
 */
function describe(name, nodes, sentinels) {
  const proxies = [...nodes, ...sentinels].flatMap((member) => member.proxy ?? [])
  const up = () => sentinels.filter((sentinel) => sentinel.isUp)

  /** Those who are called master, by what the sentinels that are up say. */
  async function listMasters() {
    const answers = await Promise.all(
      up().map((sentinel) => sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)),
    )
    const ports = answers.map((answer) => (Array.isArray(answer) ? Number(answer[1]) : 0))
    return nodes.filter(({ publicPort }) => ports.includes(publicPort))
  }

  /** The node that all sentinels which are up call master, once it says so itself. */
  async function master(withinMs = readyTimeoutMs) {
    /** @type {SentinelMember | undefined} */
    let found
    await waitUntil('the sentinels agree on a master', withinMs, async () => {
      const masters = await listMasters()
      found = masters.length === 1 ? masters[0] : undefined
      if (!found?.isUp) return false
      return readFields(await found.command('INFO', 'replication')).role === 'master'
    })
    if (found === undefined) throw new Error(`${name} has no master.`)
    return found
  }

  /** Every sentinel that is up knows the others, and every replica that is up is in step. */
  async function isReady() {
    const current = await master(0)
    const replicas = nodes.filter((node) => node.isUp && node !== current)
    for (const node of [current, ...replicas]) {
      const info = await node.command('INFO', 'replication')
      const role = node === current ? 'master' : 'slave'
      if (readFields(info).role !== role || !isInStep(info)) return false
    }
    for (const sentinel of up()) {
      const fields = await sentinel.command('SENTINEL', 'MASTER', name)
      const list = Array.isArray(fields) ? fields.map(String) : []
      const read = (/** @type {string} */ field) => list[list.indexOf(field) + 1]
      // More flags would say that it misses the master, or is busy with a failover.
      if (read('flags') !== 'master') return false
      if (Number(read('num-other-sentinels')) < sentinels.length - 1) return false
      if (Number(read('num-slaves')) < replicas.length) return false
      // Throws as long as it cannot reach enough others.
      await sentinel.command('SENTINEL', 'CKQUORUM', name)
    }
    return true
  }

  return {
    name,
    nodes,
    sentinels,
    /** Those of the nodes, then those of the sentinels; none without `proxied`. */
    proxies,
    url: `redis+sentinel://${sentinels.map(({ address }) => address).join(',')}/${name}`,
    ready: (withinMs = readyTimeoutMs) => waitUntil(`${name} is ready`, withinMs, isReady),
    master,
    /** The master, whatever the key. */
    masterOf: () => master(),
    /** What befalls all clients at once. @param {Parameters<import('./proxy.js').FaultProxy['fail']>[0]} outage */
    fail: async (outage) => void (await Promise.all(proxies.map((proxy) => proxy.fail(outage)))),
    pass: async () => void (await Promise.all(proxies.map((proxy) => proxy.pass()))),
    /** Has the sentinels put a replica in charge, and gives it back once all of them say so. */
    async failover() {
      const before = await master()
      await waitUntil('a sentinel begins the failover', readyTimeoutMs, async () => {
        return await up()[0]?.command('SENTINEL', 'FAILOVER', name)
      })
      await waitUntil('another node is in charge', readyTimeoutMs, async () => {
        return (await master(0)) !== before
      })
      return await master()
    },
  }
}
