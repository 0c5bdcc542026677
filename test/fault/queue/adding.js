// @ts-check
// What one producer does all the time: it adds jobs, in each way that there is.
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { QUEUES, SCHEDULES, STRANDS, TWINS_MS } from './plan.js'

/**
 * @typedef {import('./lanes.js').Scene} Scene
 * @typedef {import('./lanes.js').Queue} Queue
 * @typedef {import('./plan.js').Nature} Nature
 * @typedef {import('../../../src/index.ts').SureAddOptions} AddOptions
 */

/** Callers of a producer, each with one call under way. */
const CALLERS = 3

/** Every process may say it. @param {Queue} queue */
export const putSchedules = (queue) =>
  Promise.all(
    SCHEDULES.map(({ name, rule, catchUp }) =>
      queue.schedule(name, rule, { key: '', nature: 'plain' }, { catchUp }),
    ),
  )

/**
 * Of one nature, in one call.
 *
 * @param {Scene} scene
 * @param {Queue} queue
 * @param {readonly import('./plan.js').Payload[]} data
 * @param {AddOptions} [options]
 */
export async function addJobs(scene, queue, data, options = {}) {
  const { recorder, isAwaited, tellBusy, tellAdded } = scene
  const [first] = data
  if (!first) return
  const keys = data.map(({ key }) => key)
  const number = recorder.adding(queue.name, first.nature, keys, options.key)
  const adding =
    data.length === 1
      ? queue.add(first, options).then((job) => [job])
      : queue.addMany(data, options)
  // It leaves in this turn of the event loop.
  if (isAwaited()) setImmediate(tellBusy)
  try {
    const jobs = await adding
    recorder.added(number, jobs)
    tellAdded(jobs.filter(({ added }) => added).length)
  } catch (error) {
    recorder.refused(number, error)
  }
}

/** @param {Scene} scene */
export function createAdding(scene) {
  const { who, chance } = scene
  const queues = {
    ...{ worked: scene.open(QUEUES.worked), taken: scene.open(QUEUES.taken) },
    spread: scene.open(QUEUES.spread),
  }
  let keyCount = 0

  /** @param {Queue} queue @param {Nature} nature @param {number} size @param {AddOptions} options */
  async function add(queue, nature, size, options = {}) {
    const keys = Array.from({ length: size }, () => options.id ?? `${who}-${++keyCount}`)
    const data = keys.map((key) => ({ key, nature }))
    await addJobs(scene, queue, data, options)
  }

  function drawSize() {
    const draw = chance.next()
    if (draw < 0.7) return 1
    return draw < 0.95 ? chance.whole(2, 8) : chance.whole(10, 40)
  }

  /** Half of all are plain. @param {Queue} queue @returns {[size: number, options: AddOptions]} */
  function drawWay({ name }) {
    const draw = chance.next()
    if (draw < 0.5) return [drawSize(), {}]
    // Whoever adds at the same time says the same.
    if (draw < 0.7) return [1, { id: `twin-${name}-${Math.floor(monotonicMs() / TWINS_MS)}` }]
    if (draw < 0.9) return [drawSize(), { key: `${who}/${chance.whole(1, STRANDS)}` }]
    return [drawSize(), draw < 0.95 ? { priority: chance.whole(-2, 2) } : { lifo: true }]
  }

  function drawQueue() {
    const draw = chance.next()
    if (draw < 0.5) return queues.worked
    return draw < 0.75 ? queues.spread : queues.taken
  }

  async function call() {
    while (scene.mayGoOn()) {
      const queue = drawQueue()
      const [size, how] = drawWay(queue)
      const when = chance.next() < 0.1 ? { delay: chance.whole(20, 1_500) } : {}
      const nature = chance.next() < 0.01 ? 'doomed' : 'plain'
      await add(queue, nature, size, { ...how, ...when })
      await pause(chance.whole(5, 60))
    }
  }

  return {
    async start() {
      // Where there is no engine now, the others have said it.
      putSchedules(queues.worked).catch(() => {})
      await Promise.all(Array.from({ length: CALLERS }, call))
    },
    /** Jobs of another nature, which only workers get. @param {Nature} nature @param {number} size */
    addOf: (nature, size) => add(queues.worked, nature, size),
  }
}
