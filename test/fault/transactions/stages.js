// @ts-check
// The servers of a run, one kind after the other, and what befalls each of them.
import { setTimeout as pause } from 'node:timers/promises'
import { killClients } from '../outages/kinds-server.js'
import { startCluster, startServer } from '../servers.js'
import { COUNTERS } from './plan.js'

/**
 * @typedef {object} Scene
 * @property {import('./crew.js').Crew} crew
 * @property {import('../locks/faults.js').Chance} chance
 * @property {<T>(what: string, inject: () => Promise<T>) => Promise<T>} fault
 *
 * @typedef {import('../locks/faults.js').Kind} Kind
 *
 * @typedef {object} Ground
 * @property {string} url
 * @property {(scene: Scene) => Kind[]} kinds
 * @property {(counter: string) => Promise<unknown>} read
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {number} share of the operations
 * @property {import('./increments.js').Way} way
 * @property {() => Promise<Ground>} open
 */

/** @param {Scene} scene @returns {Kind[]} */
const processKinds = ({ crew, chance, fault }) => [
  () => fault('kill -9 of a process', () => crew.kill()),
  () => {
    const ms = chance.whole(100, 1_500)
    return fault(`SIGSTOP of a process for ${ms} ms`, () => crew.stop(ms))
  },
]

/** @param {Scene} scene @param {() => Promise<import('../server.js').Server>} serverOf @returns {Kind[]} */
const connectionKinds = ({ fault }, serverOf) =>
  // Often: it is what comes between WATCH and EXEC.
  Array.from(
    { length: 4 },
    () => () => fault('CLIENT KILL of all connections', async () => killClients(await serverOf())),
  )

/** Every acknowledged write survives a crash. */
async function openOne() {
  const server = await startServer({ persist: 'always' })
  return {
    url: server.url,
    kinds: (/** @type {Scene} */ scene) => {
      const { chance, fault } = scene
      return [
        ...processKinds(scene),
        ...connectionKinds(scene, async () => server),
        () => {
          const ms = chance.whole(0, 300)
          return fault(`kill -9 of the server, and a restart ${ms} ms later`, async () => {
            await server.kill()
            await pause(ms)
            await server.restart()
          })
        },
        () => {
          const ms = chance.whole(200, 2_500)
          return fault(`SIGSTOP of the server for ${ms} ms`, async () => {
            server.pause()
            await pause(ms)
            server.resume()
          })
        },
      ]
    },
    read: (/** @type {string} */ counter) => server.command('GET', counter),
    close: () => server.close(),
  }
}

/** A replica takes over in good order: it has all that was acknowledged. */
async function openCluster() {
  const cluster = await startCluster({ masters: 3, replicas: 1 })
  const drawCounter = (/** @type {Scene} */ { chance }) =>
    COUNTERS[chance.whole(0, COUNTERS.length - 1)] ?? ''
  return {
    url: cluster.url,
    kinds: (/** @type {Scene} */ scene) => [
      ...processKinds(scene),
      ...connectionKinds(scene, () => cluster.masterOf(drawCounter(scene))),
      () => {
        const key = drawCounter(scene)
        return scene.fault('CLUSTER FAILOVER', () => cluster.failover({ key }))
      },
      () =>
        scene.fault('a slot moves to another master', async () => {
          const counter = drawCounter(scene)
          const owner = await cluster.masterOf(counter)
          const masters = await Promise.all(COUNTERS.slice(0, 9).map(cluster.masterOf))
          const target = masters.find((node) => node !== owner)
          if (target) await cluster.moveSlot(counter, target)
        }),
    ],
    read: async (/** @type {string} */ counter) =>
      (await cluster.masterOf(counter)).command('GET', counter),
    close: () => cluster.close(),
  }
}

/** @type {readonly Stage[]} */
export const STAGES = [
  { name: 'one server', share: 0.7, way: 'sluice', open: openOne },
  { name: 'a cluster of 3 masters and 3 replicas', share: 0.3, way: 'sluice', open: openCluster },
]

/** @type {Stage} */
export const PLAIN = {
  name: 'one server, plain ioredis',
  share: 0.1,
  way: 'ioredis',
  open: openOne,
}
