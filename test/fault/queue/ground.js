// @ts-check
// Where a storm takes place: a server and its replica, with a proxy in front for each process, or one
// SQLite file.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { startSkewed } from '../locks/clock.js'
import { startProxy } from '../proxy.js'
import { isInStep, readFields, waitUntil } from '../resp.js'
import { startServer } from '../servers.js'
import { placesOf } from './crew.js'
import { fileKinds, networkKinds, serverKinds } from './faults.js'
import { SIZES } from './plan.js'

/**
 * @typedef {import('../server.js').Server} Server
 * @typedef {import('./faults.js').Ground} Ground
 * @typedef {import('../locks/faults.js').Kind} Kind
 *
 * @typedef {object} Place where a storm takes place
 * @property {(place: string) => string} urlOf
 * @property {string} url without anything in between
 * @property {(scene: import('./faults.js').Scene) => Kind[][]} kindsOf what befalls it; of each list one at a time
 * @property {string | undefined} problem what could not be had
 * @property {readonly [shortest: number, longest: number]} calmMs between faults of one list
 * @property {() => Promise<void>} heal
 * @property {() => Promise<void>} close
 */

/** With servers that share a busy machine with everything else. */
const PATIENCE_MS = 30_000
const OPTIONS = {
  persist: /** @type {const} */ ('always'),
  args: [
    ...['--auto-aof-rewrite-min-size', '16mb', '--repl-diskless-sync-delay', '0'],
    ...['--lua-time-limit', '50'],
  ],
}

/** @param {string} folder */
async function startOne(folder) {
  mkdirSync(folder)
  const started = await startSkewed(folder, OPTIONS)
  if (!('problem' in started)) return started
  return { server: await startServer(OPTIONS), clock: undefined, problem: started.problem }
}

/** Both keep everything that was answered; so the one that takes over has it. */
async function startPair(/** @type {string} */ folder) {
  const both = await Promise.all(
    ['first', 'second'].map((name) => startOne(path.join(folder, name))),
  )
  const servers = both.map(({ server }) => server)
  const [first, second] = servers
  if (!first || !second) throw new Error('there are two servers')
  let [master, replica] = [first, second]
  const ready = () =>
    waitUntil('the replica is in step', PATIENCE_MS, async () => {
      const info = String(await master.command('INFO', 'replication'))
      return isInStep(info) && info.includes('state=online')
    })
  await replica.command('REPLICAOF', master.host, master.port)
  await ready()
  const problem = both.map((one) => ('problem' in one ? one.problem : undefined)).find(Boolean)
  return {
    problem,
    master: () => master,
    ready,
    /** The master waits until its replica has everything, and then becomes a replica of it. */
    async handOver() {
      await ready()
      await master.command('FAILOVER', 'TO', replica.host, replica.port)
      await waitUntil('the replica is the master', PATIENCE_MS, async () => {
        const info = await replica.command('INFO', 'replication')
        return readFields(info).role === 'master'
      })
      const before = master
      master = replica
      replica = before
      return master
    },
    setClock(/** @type {number} */ ms) {
      for (const { clock } of both) clock?.set(ms)
    },
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  }
}

/** @param {string} folder @param {() => number} random @returns {Promise<Place>} */
export async function openRedis(folder, random) {
  const pair = await startPair(folder)
  let [aheadMs, mostAheadMs] = [0, 0]
  const names = [...placesOf('worker', SIZES), ...placesOf('producer', SIZES)]
  const proxies = new Map(
    await Promise.all(
      names.map(async (name) => {
        const proxy = await startProxy({ to: pair.master(), random })
        return /** @type {const} */ ([name, proxy])
      }),
    ),
  )
  /** @param {string} place */
  function proxyOf(place) {
    const proxy = proxies.get(place)
    if (!proxy) throw new Error(`there is no place ${place}`)
    return proxy
  }
  /** @type {Ground} */
  const ground = {
    ...{ master: pair.master, proxyOf },
    stepClock:
      pair.problem === undefined
        ? (ms) => {
            aheadMs += ms
            mostAheadMs = Math.max(mostAheadMs, aheadMs)
            pair.setClock(aheadMs)
          }
        : undefined,
    async failOver() {
      const next = await pair.handOver()
      // Those who are connected still talk to the one before, and learn it from what it refuses.
      for (const proxy of proxies.values()) proxy.retarget(next)
    },
  }
  return {
    urlOf: (place) => `redis://127.0.0.1:${proxyOf(place).port}`,
    get url() {
      return pair.master().url
    },
    problem: pair.problem,
    calmMs: [800, 2_800],
    kindsOf: (scene) => [networkKinds(scene, ground), serverKinds(scene, ground)],
    async heal() {
      await pair.ready()
      // What was to come soon, before the clock was set back, would have to wait for so long.
      pair.setClock(mostAheadMs)
    },
    async close() {
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
      await pair.close()
    },
  }
}

/** @param {string} folder @returns {Promise<Place>} */
export async function openSqlite(folder) {
  const file = path.join(folder, 'queue.db')
  const url = `sqlite:${file}`
  const dist = new URL('../../../dist/engine/sqlite/driver.js', import.meta.url)
  /** @type {typeof import('../../../src/engine/sqlite/driver.ts')} */
  const { loadDriver } = await import(dist.href)
  return {
    ...{ url, urlOf: () => url, problem: undefined, calmMs: [300, 1_200] },
    kindsOf: (scene) => [fileKinds(scene, async () => (await loadDriver()).open(file))],
    async heal() {},
    async close() {},
  }
}
