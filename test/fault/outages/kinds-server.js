// @ts-check
// Outages of servers: they stop, crash, restart, or refuse to serve.
import { connect } from 'node:net'
import { send, waitUntil } from '../resp.js'
import {
  mastersOf,
  persistent,
  plain,
  RESUME_AFTER_FAILOVER_MS,
  RESUME_MS,
  standaloneWith,
  watched,
} from './grounds.js'

/**
 * @typedef {import('./kinds.js').Kind} Kind
 * @typedef {import('./kinds.js').Ground} Ground
 * @typedef {import('./kinds.js').Scene} Scene
 * @typedef {import('./kinds.js').Topology} Topology
 * @typedef {import('./kinds.js').Expectation} Expectation
 */

export const delay = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))
/** Its node is the one that the cells of a cluster lose. */
export const BUSY_KEY = '{work}'
const LENGTHS_OF_EXTRAS_S = [1, 6, 15]

/** @param {Partial<Expectation>} [other] @returns {Expectation} */
export const expectation = (other) => ({
  ...{ tells: 'always', tellsIdle: true, loses: 'none', resumeWithinMs: RESUME_MS },
  ...other,
})

/** With sentinels a replica takes over; in a cluster without replicas one of three nodes is missing. */
const lossOf = (/** @type {Topology} */ topology) =>
  topology === 'sentinel'
    ? { loses: /** @type {const} */ ('failover'), resumeWithinMs: RESUME_AFTER_FAILOVER_MS }
    : { tellsIdle: topology === 'standalone' }

/** Does something again and again until it is stopped. @param {() => Promise<unknown>} step @param {number} everyMs */
export function repeat(step, everyMs) {
  let isStopped = false
  const running = (async () => {
    while (!isStopped) {
      // Servers that just change their mind refuse some of it.
      await step().catch(() => {})
      await delay(everyMs)
    }
  })()
  return async () => {
    isStopped = true
    await running
  }
}

/**
 * The master of the work dies, and comes back on its port with its data.
 *
 * @type {import('./kinds.js').Kind['begin']}
 */
export async function crashOfMaster({ ground }) {
  const master = await ground.masterOf(BUSY_KEY)
  await master.kill()
  return async () => {
    await master.restart()
    await ground.ready()
  }
}

/** Ends all connections of clients, but neither those of servers and sentinels nor our own. @param {Server} server */
export async function killClients(server) {
  const list = String(await server.command('CLIENT', 'LIST'))
  const ids = list
    .split('\n')
    .filter((line) => !/ name=sentinel-| flags=[^ ]*[SM]| cmd=client\|list/.test(line))
    .flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? [])
  await Promise.allSettled(ids.map((id) => server.command('CLIENT', 'KILL', 'ID', id)))
}
/** @typedef {import('../server.js').Server} Server */

/**
 * The same command to all masters, and another one to the same servers afterwards.
 *
 * @param {string} name
 * @param {string} about
 * @param {(string | number)[]} first
 * @param {(string | number)[]} last
 * @param {Partial<Kind>} [other]
 * @returns {Kind}
 */
const ordered = (name, about, first, last, other) => ({
  name,
  about,
  topologies: { standalone: plain.standalone, cluster: plain.cluster },
  expects: () => expectation({ tells: 'whenLong', tellsIdle: false }),
  lengthsS: LENGTHS_OF_EXTRAS_S,
  async begin({ ground }) {
    const masters = await mastersOf(ground)
    await Promise.all(masters.map((master) => master.command(...first)))
    return async () => {
      await Promise.all(masters.map((master) => master.command(...last)))
    }
  },
  ...other,
})

/** A connection that stays, for servers that take no other one. @param {Server} server */
function stayConnected(server) {
  const socket = connect({ host: server.host, port: server.port })
  socket.on('error', () => {}).resume()
  return {
    /** @param {string} line */
    send: (line) => new Promise((resolve) => socket.write(`${line}\r\n`, resolve)),
    end: () => socket.end(),
  }
}

/** @type {Kind[]} */
export const serverKinds = [
  {
    name: 'stopped',
    about: 'a server is stopped; sentinels fail over meanwhile',
    topologies: watched,
    expects: (topology) => expectation({ tells: 'whenLong', ...lossOf(topology) }),
    async begin({ ground }) {
      const master = await ground.masterOf(BUSY_KEY)
      master.pause()
      return async () => {
        master.resume()
        await ground.ready()
      }
    },
  },
  {
    name: 'crash',
    about: 'a server is killed and comes back with its data; sentinels fail over meanwhile',
    topologies: persistent,
    expects: (topology) => expectation(lossOf(topology)),
    begin: crashOfMaster,
  },
  {
    name: 'client-kill',
    about: 'CLIENT KILL of all connections every 200 ms',
    topologies: plain,
    expects: () => expectation(),
    async begin({ ground, count }) {
      return repeat(async () => {
        count()
        await Promise.all((await mastersOf(ground)).map(killClients))
      }, 200)
    },
  },
  {
    name: 'script-flush',
    about: 'SCRIPT FLUSH every 50 ms',
    topologies: plain,
    expects: () => expectation({ tells: 'never' }),
    lengthsS: LENGTHS_OF_EXTRAS_S,
    async begin({ ground, count }) {
      return repeat(async () => {
        count()
        const masters = await mastersOf(ground)
        await Promise.all(masters.map((master) => master.command('SCRIPT', 'FLUSH')))
      }, 50)
    },
  },
  {
    name: 'crash-empty',
    about: 'a server is killed and comes back without its data',
    topologies: { standalone: plain.standalone },
    expects: () => expectation({ loses: 'all' }),
    async begin({ ground }) {
      const [server] = ground.nodes
      await server?.kill()
      return async () => void (await server?.restart({ empty: true }))
    },
  },
  {
    name: 'loading',
    about: 'a server is killed and loads its data for so long',
    topologies: standaloneWith(
      ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'],
      'always',
    ),
    expects: () => expectation(),
    lengthsS: [1, 6],
    async begin({ ground, lengthMs }) {
      const [server] = ground.nodes
      const script = 'for i = 1, ARGV[1] do redis.call("SET", "filler" .. i, i) end'
      await server?.command('EVAL', script, 0, lengthMs)
      const back = server?.restart()
      return async () => void (await back)
    },
  },
  ordered('paused', 'CLIENT PAUSE', [], [], {
    async begin({ ground, lengthMs }) {
      const masters = await mastersOf(ground)
      await Promise.all(masters.map((master) => master.command('CLIENT', 'PAUSE', lengthMs, 'ALL')))
      return async () => void (await Promise.all(masters.map((master) => master.command('PING'))))
    },
  }),
  ordered('busy', 'somebody else’s script runs for so long, and calls are answered BUSY', [], [], {
    topologies: standaloneWith(['--lua-time-limit', '50']),
    async begin({ ground }) {
      const [server] = ground.nodes
      if (server === undefined) throw new Error('there is no server')
      const foreign = stayConnected(server)
      await foreign.send('EVAL "while true do end" 0')
      return async () => {
        await waitUntil('the script ends', 5_000, () => server.command('SCRIPT', 'KILL'))
        foreign.end()
      }
    },
  }),
  ordered(
    'no-replicas',
    'writes are refused for want of replicas',
    ['CONFIG', 'SET', 'min-replicas-to-write', 1],
    ['CONFIG', 'SET', 'min-replicas-to-write', 0],
  ),
  ordered(
    'read-only',
    'a server becomes a replica of nobody, with its sockets alive',
    ['REPLICAOF', '127.0.0.1', 1],
    ['REPLICAOF', 'NO', 'ONE'],
    { topologies: { standalone: plain.standalone }, lengthsS: [1, 6, 15, 40] },
  ),
  ordered(
    'idle-timeout',
    'the server closes connections that are idle for a second',
    ['CONFIG', 'SET', 'timeout', 1],
    ['CONFIG', 'SET', 'timeout', 0],
    { quiet: true, lengthsS: [6, 15], expects: () => expectation({ tells: 'never' }) },
  ),
  ordered('locked-out', 'connections are ended, and new ones need another password', [], [], {
    expects: () => expectation(),
    async begin({ ground }) {
      const masters = await mastersOf(ground)
      for (const master of masters) {
        const clients = stayConnected(master)
        await clients.send('ACL SETUSER default resetpass >another\r\nCLIENT KILL TYPE normal')
        await clients.send('CLIENT KILL TYPE pubsub')
        clients.end()
      }
      return async () => {
        for (const { host, port } of masters) {
          await send({ host, port, password: 'another' }, ['ACL', 'SETUSER', 'default', 'nopass'])
        }
      }
    },
  }),
  ordered('full-house', 'connections are ended, and new ones are too many', [], [], {
    expects: () => expectation(),
    async begin({ ground }) {
      const masters = await mastersOf(ground)
      const connections = masters.map(stayConnected)
      for (const connection of connections) {
        await connection.send('CONFIG SET maxclients 1\r\nCLIENT KILL TYPE normal')
        await connection.send('CLIENT KILL TYPE pubsub')
      }
      return async () => {
        for (const connection of connections) {
          await connection.send('CONFIG SET maxclients 10000')
          connection.end()
        }
        await waitUntil('servers take connections', 5_000, async () => {
          await Promise.all(masters.map((master) => master.command('PING')))
          return true
        })
      }
    },
  }),
]
