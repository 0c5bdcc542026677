// @ts-check
// What the processes of a run do all the time besides working on jobs: they add some, or hold the same
// locks without a queue.
import { setTimeout as pause } from 'node:timers/promises'
import { acquire, release } from '../locks/lanes.js'
import { addJobs } from '../queue/adding.js'
import { CALLERS, HOLDER_TTL_MS, keyOf, lockOf, MOST_WAITING, QUEUES, USERS } from './plan.js'

/**
 * @typedef {import('../queue/lanes.js').Scene} Scene
 * @typedef {import('../queue/adding.js').AddOptions} AddOptions
 * @typedef {import('../queue/plan.js').Nature} Nature
 * @typedef {Pick<Scene, 'sluice' | 'chance' | 'mayGoOn' | 'isAwaited' | 'tellBusy'> & Pick<import('../locks/lanes.js').Scene, 'recorder'>} HolderScene
 */

/** Calls of a producer under way. */
const ADDERS = 3
/** While there are jobs enough, or nobody answers. */
const FULL_MS = 100
/** Long enough for whoever was told of a hold to stop or kill this process before it is over. */
const AWAITED_MS = 100

/** A few are wanted by many: the first by one in 14, the last by one in 75. @param {{next: () => number}} chance */
const drawUser = (chance) => Math.floor(USERS * chance.next() ** 1.5)

/** @param {Scene} scene */
export async function addAll(scene) {
  const { who, chance, mayGoOn } = scene
  const queues = Object.values(QUEUES).map(scene.open)
  let keyCount = 0

  /** Who takes by hand waits for what it has, and hanging jobs never end. @param {string} queue @returns {Nature} */
  function drawNature(queue) {
    const draw = chance.next()
    if (draw < 0.98 || queue === QUEUES.taken) return 'plain'
    return draw < 0.985 ? 'hanging' : draw < 0.99 ? 'doomed' : 'bad'
  }
  function drawSize() {
    const draw = chance.next()
    if (draw < 0.7) return 1
    return draw < 0.95 ? chance.whole(2, 8) : chance.whole(10, 40)
  }
  /** A third is in the order in which its process adds, some have an id. @param {string} queue @param {number} user @returns {AddOptions} */
  function drawWay(queue, user) {
    const draw = chance.next()
    const lock = queue === QUEUES.taken ? { lock: lockOf(user) } : {}
    if (draw < 0.35) return { ...lock, key: `${who}/${lockOf(user)}` }
    return draw < 0.45 ? { ...lock, id: keyOf(who, keyCount + 1, user) } : lock
  }
  async function hasRoom() {
    const counts = await Promise.all(queues.map((queue) => queue.counts()))
    const waiting = counts.reduce((sum, { ready, parked = 0 }) => sum + ready + parked, 0)
    return waiting < MOST_WAITING
  }
  async function call() {
    while (mayGoOn()) {
      if (!(await hasRoom().catch(() => false))) {
        await pause(FULL_MS)
        continue
      }
      const queue = queues[chance.whole(0, queues.length - 1)]
      if (!queue) return
      const [user, nature] = [drawUser(chance), drawNature(queue.name)]
      const options = drawWay(queue.name, user)
      const size = options.id === undefined ? drawSize() : 1
      const data = Array.from({ length: size }, () => ({
        ...{ key: keyOf(who, ++keyCount, user), nature, user },
      }))
      await addJobs(scene, queue, data, options)
      await pause(chance.whole(1, 20))
    }
  }
  await Promise.all(Array.from({ length: ADDERS }, call))
}

/** @param {HolderScene} scene */
export async function holdPlainly(scene) {
  const { chance, mayGoOn, isAwaited, tellBusy } = scene
  async function call() {
    while (mayGoOn()) {
      const name = lockOf(drawUser(chance))
      const wait = chance.next() < 0.1 ? 0 : chance.whole(500, 3_000)
      const holding = await acquire(scene, { name, ttlMs: HOLDER_TTL_MS }, wait)
      if (!holding) {
        await pause(chance.whole(1, 20))
        continue
      }
      if (isAwaited()) {
        tellBusy()
        await pause(AWAITED_MS)
      }
      // Few hold for longer than a keeper may be silent.
      const isLong = chance.next() < 0.005
      await pause(isLong ? chance.whole(HOLDER_TTL_MS, 4 * HOLDER_TTL_MS) : chance.whole(1, 30))
      await release(scene, holding)
      await pause(chance.whole(0, 50))
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, call))
}
