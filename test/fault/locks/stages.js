// @ts-check
// The stores of a run, one after the other, and what befalls each of them.
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { durable, startSentinel, startServer } from '../servers.js'
import { startSkewed } from './clock.js'
import { connectionKinds, processKinds, serverKinds, startFaults } from './faults.js'
import { LONGEST_TTL_MS } from './plan.js'

/**
 * @typedef {import('./faults.js').Scene} Scene
 * @typedef {import('./faults.js').Kind} Kind
 *
 * @typedef {object} Store
 * @property {string} url
 * @property {(scene: Scene) => import('./faults.js').Injected[]} startFaults
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {number} share of the operations
 * @property {(folder: string) => Promise<Store | {problem: string}>} open
 */

/** Faults of processes and of servers go on side by side. */
const PROCESS_CALM_MS = /** @type {const} */ ([200, 1_500])
const SERVER_CALM_MS = /** @type {const} */ ([2_000, 5_000])
/** Every lease is renewed and every place in a line confirmed meanwhile. */
const SETTLED_MS = LONGEST_TTL_MS + 500
const HOUR_MS = 3_600_000
/** Of silence, after which sentinels call a node down. */
const DOWN_AFTER_MS = 2_000
const LOOK_MS = 100
/** With servers that share a busy machine with everything else. */
const PATIENCE_MS = 60_000

/** @type {Stage} */
const crashes = {
  name: 'one server',
  share: 0.6,
  async open() {
    const server = await startServer(durable)
    return {
      url: server.url,
      startFaults(scene) {
        const ofServer = [
          ...connectionKinds(scene, async () => server),
          ...serverKinds(scene, server),
        ]
        return [
          startFaults(scene.chance, processKinds(scene), PROCESS_CALM_MS),
          startFaults(scene.chance, ofServer, SERVER_CALM_MS),
        ]
      },
      close: () => server.close(),
    }
  },
}

/**
 * Its faults come one at a time. A clock that is set back stretches what the dead have left, also a
 * lease that was over already and that nobody has taken since: so it is soon set right again.
 *
 * @param {Scene} scene
 * @param {import('./clock.js').Clock} clock
 * @returns {Kind[]}
 */
function clockKinds({ notes, chance }, clock) {
  let offsetMs = 0
  const ahead = (/** @type {number} */ ms) => () =>
    notes.fault(`clock of the server set ahead by ${ms} ms`, 'lossy', async () => {
      offsetMs += ms
      clock.set(offsetMs)
    })
  async function back() {
    const ms = chance.whole(1_000, HOUR_MS)
    await notes.fault(`clock of the server set back by ${ms} ms`, 'silent', async () => {
      clock.set(offsetMs - ms)
      await pause(SETTLED_MS)
    })
    await ahead(0)()
  }
  return [
    () => ahead(chance.whole(100, 5_000))(),
    () => ahead(chance.whole(60_000, HOUR_MS))(),
    back,
  ]
}

/** @type {Stage} */
const clocks = {
  name: 'one server whose clock is set',
  share: 0.2,
  async open(folder) {
    const started = await startSkewed(folder, durable)
    if ('problem' in started) return started
    const { server, clock } = started
    return {
      url: server.url,
      startFaults(scene) {
        const kinds = [
          ...clockKinds(scene, clock),
          ...processKinds(scene),
          ...connectionKinds(scene, async () => server),
        ]
        return [startFaults(scene.chance, kinds, PROCESS_CALM_MS)]
      },
      close: () => server.close(),
    }
  },
}

/** @param {Scene} scene @param {import('../sentinel.js').Sentinel} ground @returns {Kind[]} */
function failoverKinds({ notes, chance }, ground) {
  async function behind() {
    await ground.ready(PATIENCE_MS)
    const master = await ground.master()
    const replicas = ground.nodes.filter((node) => node !== master && node.isUp)
    const ms = chance.whole(50, 300)
    const what = `kill -9 of the master; a replica takes over that missed the last ${ms} ms`
    await notes.fault(what, 'lossy', async () => {
      for (const replica of replicas) replica.pause()
      await master.command('CLIENT', 'KILL', 'TYPE', 'replica')
      await pause(ms)
      await master.kill()
      for (const replica of replicas) replica.resume()
      await ground.master(PATIENCE_MS)
      // It comes back as a master, until the sentinels have seen it.
      await master.restart()
      await ground.ready(PATIENCE_MS)
    })
  }
  const ordered = () =>
    notes.fault('SENTINEL FAILOVER', 'lossy', async () => {
      await ground.failover()
      await ground.ready(PATIENCE_MS)
    })
  return [behind, ordered]
}

/**
 * On a machine that is short of time sentinels also fail over by themselves. What a replica missed
 * then is as little known as what a client still wrote to the old master.
 *
 * @param {Scene} scene
 * @param {import('../sentinel.js').Sentinel} ground
 */
function watchFailovers({ notes }, ground) {
  /** @type {{port: number, atMs: number} | undefined} */
  let last
  const look = async () => {
    const { port } = await ground.master(0)
    const atMs = monotonicMs()
    if (last && last.port !== port) {
      const fromMs = last.atMs - DOWN_AFTER_MS
      notes.note('fault', atMs + DOWN_AFTER_MS, 'another master', fromMs, 'lossy')
    }
    last = { port, atMs }
  }
  const timer = setInterval(() => void look().catch(() => {}), LOOK_MS)
  return { eachOnce: Promise.resolve(), stop: async () => clearInterval(timer) }
}

/** @type {Stage} */
const failovers = {
  name: 'a master, two replicas and three sentinels',
  share: 0.2,
  async open() {
    const ground = await startSentinel({ ...durable, downAfterMs: DOWN_AFTER_MS })
    return {
      url: ground.url,
      startFaults: (scene) => [
        watchFailovers(scene, ground),
        startFaults(scene.chance, processKinds(scene), PROCESS_CALM_MS),
        startFaults(
          scene.chance,
          [...failoverKinds(scene, ground), ...connectionKinds(scene, () => ground.master())],
          SERVER_CALM_MS,
        ),
      ],
      close: () => ground.close(),
    }
  },
}

/** @type {Stage} */
const file = {
  name: 'one SQLite file',
  share: 1,
  open: async (folder) => ({
    url: `sqlite:${path.join(folder, 'locks.db')}`,
    startFaults: (scene) => [startFaults(scene.chance, processKinds(scene), PROCESS_CALM_MS)],
    async close() {},
  }),
}

/** @type {Record<'redis' | 'sqlite', readonly Stage[]>} */
export const STAGES = { redis: [crashes, clocks, failovers], sqlite: [file] }
