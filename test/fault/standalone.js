// @ts-check
// One server, with the same handles as a cluster or a set with sentinels, for runs over all three.
import { startProxy } from './proxy.js'
import { startServer } from './server.js'

/** @typedef {Awaited<ReturnType<typeof startStandalone>>} Standalone */

/**
 * @param {import('./server.js').ServerOptions & {proxied?: boolean}} [options] `proxied` puts a
 *   proxy in front of the server, whose port is the one in the URL
 */
export async function startStandalone({ proxied = false, ...options } = {}) {
  const server = await startServer(options)
  const proxy = proxied ? await startProxy({ to: server }) : undefined
  const proxies = proxy === undefined ? [] : [proxy]
  return {
    nodes: [server],
    proxies,
    url: proxy === undefined ? server.url : server.url.replace(/\d+$/, `${proxy.port}`),
    /** Servers are ready as soon as they are started. */
    ready: async () => void (await server.command('PING')),
    /** The only node, whatever the key. */
    masterOf: async () => server,
    /** What befalls all clients at once. @param {Parameters<import('./proxy.js').FaultProxy['fail']>[0]} outage */
    fail: async (outage) => void (await proxy?.fail(outage)),
    pass: async () => void (await proxy?.pass()),
    /** Ends the server and the proxy, and removes their folder. */
    async close() {
      await Promise.all([server.close(), proxy?.close()])
    },
  }
}
