// @ts-check
// What a Redlock has to get through, one thing each. The same code tries all systems.
import { setTimeout as pause } from 'node:timers/promises'
import { startProxy } from '../proxy.js'
import { startStandalone } from '../standalone.js'

/**
 * @typedef {import('./systems.js').Opened} Opened
 * @typedef {import('./systems.js').Lease} Lease
 * @typedef {import('../standalone.js').Standalone} Node
 *
 * @typedef {object} Stage
 * @property {readonly Node[]} nodes
 * @property {(urls?: readonly string[]) => Promise<Opened>} open a client of its own, of all nodes by default
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} about what befalls whom
 * @property {string} must what has to come of it
 * @property {number} nodeCount
 * @property {(stage: Stage) => Promise<string>} run empty when it is so, else what came
 */

const NAME = 'red'
export const LONGEST_TTL_MS = 6_000
const TTL_MS = 3_000
/** Whoever has not settled by then never will, as far as anyone waits. */
const PATIENCE_MS = 15_000
const never = 'not settled after 15 s'

/**
 * @typedef {{tookMs: number, lease: Lease | null, error: string}} Settled
 * @param {Promise<Lease>} call @returns {Promise<Settled | null>} null when it takes too long
 */
async function settled(call) {
  const startMs = performance.now()
  const since = () => Math.round(performance.now() - startMs)
  const answer = call.then(
    (lease) => ({ tookMs: since(), lease, error: '' }),
    (error) => ({ tookMs: since(), lease: null, error: String(error) }),
  )
  return await Promise.race([answer, pause(PATIENCE_MS, null)])
}

/** @param {Settled | null} answer @param {number} [withinMs] */
function granted(answer, withinMs = PATIENCE_MS) {
  if (!answer) return never
  if (!answer.lease) return `refused after ${answer.tookMs} ms`
  if (answer.tookMs > withinMs) return `granted after ${answer.tookMs} ms`
  return answer.lease.remainingMs > 0 ? '' : 'granted when expired'
}

/** So that nothing is measured but the outage. @param {Opened} client */
async function warm(client) {
  const lease = await client.acquire('warm', { ttlMs: TTL_MS })
  await lease.release()
  return client
}

/** @param {Stage['open']} open */
const openWarm = async (open) => warm(await open())

/** @param {Opened} client @param {Partial<import('./systems.js').Terms>} [terms] */
const ask = (client, terms) => settled(client.acquire(NAME, { ttlMs: TTL_MS, ...terms }))

/** @param {readonly Node[]} nodes */
const serversOf = (nodes) => nodes.flatMap((node) => node.nodes)

/**
 * Asks for the lock when something has befallen so many of the nodes.
 *
 * @param {Stage} stage
 * @param {number} count
 * @param {(server: Node['nodes'][number]) => unknown} befall
 */
async function askWithout({ nodes, open }, count, befall) {
  const client = await openWarm(open)
  await Promise.all(serversOf(nodes.slice(0, count)).map(befall))
  return await ask(client)
}

/** @type {readonly Scenario[]} */
export const scenarios = [
  {
    name: 'two of five down',
    about: 'two nodes are killed',
    must: 'granted within 2 s',
    nodeCount: 5,
    run: async (stage) => granted(await askWithout(stage, 2, (server) => server.kill()), 2_000),
  },
  {
    name: 'two of five silent',
    about: 'two nodes are stopped, and answer nothing',
    must: 'granted within 2 s',
    nodeCount: 5,
    run: async (stage) => granted(await askWithout(stage, 2, (server) => server.pause()), 2_000),
  },
  {
    name: 'three of five silent',
    about: 'three nodes are stopped',
    must: 'refused within 10 s',
    nodeCount: 5,
    async run(stage) {
      const answer = await askWithout(stage, 3, (server) => server.pause())
      if (!answer) return never
      if (answer.lease) return 'granted'
      return answer.tookMs <= 10_000 ? '' : `refused after ${answer.tookMs} ms`
    },
  },
  {
    name: 'slower than the lease',
    about: 'all nodes are stopped for 1.5 s, the lease is 500 ms',
    must: 'not granted when expired',
    nodeCount: 3,
    async run({ nodes, open }) {
      const client = await openWarm(open)
      for (const server of serversOf(nodes)) server.pause()
      const call = ask(client, { ttlMs: 500, isOnce: true })
      await pause(1_500)
      for (const server of serversOf(nodes)) server.resume()
      const answer = await call
      if (!answer) return never
      return answer.lease && answer.lease.remainingMs <= 0 ? 'granted when expired' : ''
    },
  },
  {
    name: 'a tie',
    about: 'two nodes; two clients ask at once, and each is nearer to another node',
    must: 'both calls settle',
    nodeCount: 2,
    async run({ nodes, open }) {
      const far = { requests: { delayMs: 60 } }
      const proxies = await Promise.all(
        [0, 1].flatMap(() => serversOf(nodes).map((to) => startProxy({ to }))),
      )
      const urls = proxies.map(({ port }) => `redis://127.0.0.1:${port}`)
      const clients = await Promise.all([open(urls.slice(0, 2)), open(urls.slice(2))])
      for (const client of clients) await warm(client)
      await Promise.all(
        [proxies[1], proxies[2]].map((proxy) => proxy?.fail({ old: far, fresh: far })),
      )
      const answers = await Promise.all(clients.map((client) => ask(client, { isOnce: true })))
      await Promise.all(proxies.map((proxy) => proxy.close()))
      if (answers.filter((answer) => answer?.lease).length > 1) return 'two holders'
      return answers.includes(null) ? never : ''
    },
  },
  {
    name: 'its own leftovers',
    about: 'three nodes: one is down, one answers after 300 ms for a moment',
    must: 'granted within 2 s, as two nodes are free',
    nodeCount: 3,
    async run({ nodes: [first, second], open }) {
      const client = await openWarm(open)
      await first?.nodes[0]?.kill()
      const slow = { replies: { delayMs: 300 } }
      await second?.fail({ old: slow, fresh: slow })
      const call = ask(client)
      await pause(350)
      await second?.pass()
      return granted(await call, 2_000)
    },
  },
  {
    name: 'a late grant',
    about: 'a node grants 1 s late, when the lock was released; then another node is gone',
    must: 'granted to the next one within 2 s',
    nodeCount: 3,
    async run({ nodes: [first, , third], open }) {
      const [one, other] = await Promise.all([openWarm(open), openWarm(open)])
      const slow = { requests: { delayMs: 1_000 } }
      await third?.fail({ old: slow, fresh: slow })
      const lease = await ask(one, { ttlMs: TTL_MS * 2 })
      // Whoever waits for the slowest node released later: that is no harm.
      const released = lease?.lease?.release().catch(() => {})
      await Promise.race([released, pause(3_000)])
      await pause(2_200)
      await third?.pass()
      await first?.nodes[0]?.kill()
      return granted(await ask(other), 2_000)
    },
  },
  {
    name: 'back without data',
    about: 'two of the three nodes that granted it are killed, and come back empty',
    must: 'not granted to a second one',
    nodeCount: 3,
    async run({ nodes: [, second, third], open }) {
      const [one, other] = await Promise.all([openWarm(open), openWarm(open)])
      const first = await ask(one, { ttlMs: LONGEST_TTL_MS })
      if (!first?.lease) return `the first one: ${first ? first.error : never}`
      const restart = { empty: true }
      await Promise.all([second, third].map((node) => node?.nodes[0]?.restart(restart)))
      await pause(500)
      const answer = await ask(other, { isOnce: true })
      if (!answer) return never
      return answer.lease ? 'two holders' : ''
    },
  },
  {
    name: 'a fence',
    about: 'the lock is taken three times',
    must: 'each lease has a number, and each a higher one',
    nodeCount: 3,
    async run({ open }) {
      const client = await open()
      let last = 0
      for (let time = 0; time < 3; time++) {
        const lease = await client.acquire(NAME, { ttlMs: TTL_MS })
        if (lease.fence === undefined) return 'no fence'
        if (lease.fence <= last) return `fence ${lease.fence} after ${last}`
        last = lease.fence
        await lease.release()
      }
      return ''
    },
  },
]

/** @param {number} count */
export async function startStage(count) {
  const nodes = await Promise.all(
    Array.from({ length: count }, () => startStandalone({ proxied: true })),
  )
  // Servers tell their age in whole seconds, and ours does not let younger ones vote.
  await pause(LONGEST_TTL_MS + 1_500)
  return nodes
}
