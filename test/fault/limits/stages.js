// @ts-check
// The servers of a run, one after the other, and what befalls each of them.
import { setTimeout as pause } from 'node:timers/promises'
import { startSkewed } from '../locks/clock.js'
import { connectionKinds, startFaults, stoppingKinds } from '../locks/faults.js'
import { monotonicMs } from '../outcomes/history.js'
import { durable, startServer } from '../servers.js'

/**
 * @typedef {import('../server.js').Server} Server
 * @typedef {import('../locks/faults.js').Kind} Kind
 * @typedef {import('../locks/clock.js').Clock} Clock
 *
 * @typedef {object} Scene what faults are injected into
 * @property {import('./crew.js').Crew} crew
 * @property {import('../locks/notes.js').Notes} notes
 * @property {import('./crew.js').Chance} chance
 *
 * @typedef {object} Ground
 * @property {Server} server
 * @property {(scene: Scene) => import('../locks/faults.js').Injected} startFaults
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {number} share of the decisions
 * @property {(folder: string) => Promise<Ground | {problem: string}>} open
 */

const CALM_MS = /** @type {const} */ ([100, 700])
/** Shorter and longer than the deadline of a take. */
const CUT_MS = /** @type {const} */ ([100, 1_500])
/** Clocks are set by a little more often than by much. */
const STEPS_MS = /** @type {const} */ ([20, 900, 5_000, 3_600_000])

/** @param {Scene} scene @returns {Kind[]} */
function processKinds({ crew, notes, chance }) {
  const stop = () => {
    const ms = chance.whole(200, 2_000)
    return notes.fault(`SIGSTOP of a process for ${ms} ms`, 'nothing', () => crew.stop(ms))
  }
  return [() => notes.fault('kill -9 of a process', 'nothing', () => crew.kill()), stop]
}

/** @param {Scene} scene @returns {Kind[]} */
function cutKinds({ crew, notes, chance }) {
  const outages = /** @type {const} */ ([
    ...['mute', 'deaf', 'frozen', 'slow', 'blackhole', 'refused', 'resetsBeforeReply'],
  ])
  return outages.map((outage) => () => {
    const ms = chance.whole(...CUT_MS)
    const what = `${outage}: the connections of a process for ${ms} ms`
    return notes.fault(what, 'nothing', () => crew.cut(outage, ms))
  })
}

/** @param {Scene} scene @param {Server} server @returns {Kind[]} */
const commonKinds = (scene, server) => [
  ...connectionKinds(scene, async () => server),
  ...stoppingKinds(scene, server),
  ...cutKinds(scene),
  ...processKinds(scene),
]

/** It only ever steps back: ahead, limits would be as good as new too early. @param {Scene} scene @param {Clock} clock @returns {Kind[]} */
function stepKinds({ notes, chance }, clock) {
  let offsetMs = 0
  return STEPS_MS.map((mostMs) => async () => {
    const backMs = chance.whole(1, mostMs)
    const fromMs = monotonicMs()
    await notes.fault(`clock of the server set back by ${backMs} ms`, 'nothing', async () => {
      offsetMs -= backMs
      clock.set(offsetMs)
    })
    notes.note('step', monotonicMs(), fromMs, backMs)
    await pause(chance.whole(100, 1_500))
  })
}

/** @type {readonly Stage[]} */
export const STAGES = [
  {
    name: 'one server',
    share: 0.5,
    async open() {
      const server = await startServer(durable)
      return {
        server,
        startFaults: (scene) => startFaults(scene.chance, commonKinds(scene, server), CALM_MS),
      }
    },
  },
  {
    name: 'one server whose clock steps back',
    share: 0.5,
    async open(folder) {
      const started = await startSkewed(folder, durable)
      if ('problem' in started) return started
      const { server, clock } = started
      return {
        server,
        startFaults(scene) {
          const kinds = [...stepKinds(scene, clock), ...commonKinds(scene, server)]
          return startFaults(scene.chance, kinds, CALM_MS)
        },
      }
    },
  },
]
