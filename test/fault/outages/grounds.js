// @ts-check
// The servers that kinds of outages take place on.
import { hasNamespaces, startNamespace } from '../network.js'
import { startCluster, startSentinel, startStandalone } from '../servers.js'

/**
 * @typedef {import('./kinds.js').Ground} Ground
 * @typedef {import('./kinds.js').Kind['topologies']} Topologies
 */

export const RESUME_MS = 5_000
export const RESUME_AFTER_FAILOVER_MS = 10_000

/** Longer than any machine is too busy to answer: nothing but the outage may fail over. */
const NEVER_DOWN_MS = 60_000

/** Those that nothing takes over from. @type {Required<Topologies>} */
export const plain = {
  standalone: () => startStandalone({ proxied: true }),
  sentinel: () => startSentinel({ proxied: true, replicas: 1, downAfterMs: NEVER_DOWN_MS }),
  cluster: () => startCluster({ proxied: true }),
}

/** Those whose sentinels fail over when a master is silent. @type {Required<Topologies>} */
export const watched = {
  ...plain,
  sentinel: () => startSentinel({ proxied: true, replicas: 1 }),
}

/** Those that keep every answered write over a crash. @type {Required<Topologies>} */
export const persistent = {
  standalone: () => startStandalone({ proxied: true, persist: 'always' }),
  sentinel: () => startSentinel({ proxied: true, replicas: 1, persist: 'always' }),
  cluster: () => startCluster({ proxied: true, persist: 'always' }),
}

/** @param {readonly string[]} args @param {boolean | 'always'} [persist] */
export const standaloneWith = (args, persist = false) => ({
  standalone: () => startStandalone({ proxied: true, args, persist }),
})

export const clusterWithReplicas = () => startCluster({ proxied: true, replicas: 1 })

/** A server behind a network whose packets the kernel loses. @returns {Promise<Ground>} */
export async function startRemote() {
  const network = await startNamespace()
  const server = await network.startServer()
  return {
    url: server.url,
    nodes: [server],
    proxies: [],
    ready: () => server.command('PING'),
    masterOf: async () => server,
    fail: async () => network.drop(),
    pass: async () => network.heal(),
    close: network.close,
  }
}

export { hasNamespaces }

/** The servers that take writes now. @param {Ground} ground */
export async function mastersOf({ nodes }) {
  const roles = await Promise.all(
    nodes.map(async (node) => (node.isUp ? String(await node.command('ROLE')) : '')),
  )
  return nodes.filter((_, index) => roles[index]?.startsWith('master'))
}
