// @ts-check
// What one process does all the time: it adds jobs, or it works on them, by a worker and by hand.
import { setTimeout as pause } from 'node:timers/promises'
import { CONCURRENCY, LEASE_MS, QUEUE_OPTIONS, QUEUES } from './plan.js'

/**
 * @typedef {import('../../../src/index.ts').Sluice} Sluice
 * @typedef {import('../../../src/index.ts').Queue<import('./plan.js').Payload>} Queue
 * @typedef {import('../../../src/index.ts').Delivery<import('./plan.js').Payload>} Delivery
 * @typedef {import('./plan.js').Nature} Nature
 *
 * Where a process ends itself: with its next job done and not acknowledged, or as soon as that has left.
 * @typedef {'done' | 'acknowledging'} Death
 *
 * @typedef {object} Scene
 * @property {Sluice} sluice
 * @property {string} who
 * @property {import('./recorder.js').Recorder} recorder
 * @property {{next: () => number, whole: (low: number, high: number) => number}} chance
 * @property {() => boolean} mayGoOn
 * @property {() => boolean} isAwaited whether somebody waits for the next job, or the next add; true once
 * @property {() => void} tellBusy that it is there
 * @property {() => Death | undefined} drawDeath once
 */

/** Long enough for whoever was told to stop or kill this process before it is over. */
const AWAITED_MS = 100
/** Callers of a producer, each with one call under way. */
const CALLERS = 3

const end = () => process.kill(process.pid, 'SIGKILL')

/** @param {Scene} scene @param {string} name @returns {Queue} */
const open = ({ sluice }, name) => /** @type {Queue} */ (sluice.queue(name, QUEUE_OPTIONS))

/** @param {Scene} scene @param {number} number of the delivery @param {import('./plan.js').Payload} data @param {number} attempt */
async function work({ chance, isAwaited, tellBusy, recorder }, number, { nature }, attempt) {
  if (nature === 'poison') end()
  if (isAwaited()) {
    tellBusy()
    await pause(AWAITED_MS)
  }
  const draw = chance.next()
  if (draw < 0.02) await pause(chance.whole(50, 400))
  else if (draw < 0.9) await pause(chance.whole(0, 25))
  if (nature === 'hanging' && attempt === 1) await new Promise(() => {})
  const isBad = (nature === 'bad' && attempt === 1) || chance.next() < 0.02
  recorder.ended(number, isBad ? 'failed' : 'done')
  return !isBad
}

/** @param {Scene} scene */
export function startWorker(scene) {
  const { recorder, drawDeath } = scene
  return open(scene, QUEUES.worked).work(
    async (job) => {
      const isDone = await work(scene, recorder.began(QUEUES.worked, job), job.data, job.attempt)
      const death = drawDeath()
      if (death === 'done') end()
      // The acknowledgement leaves in this turn of the event loop.
      if (death === 'acknowledging') setImmediate(end)
      if (!isDone) await Promise.reject()
    },
    { concurrency: CONCURRENCY, lease: LEASE_MS.worked },
  )
}

/** @param {Scene} scene */
export async function takeByHand(scene) {
  const { recorder, chance, mayGoOn } = scene
  const queue = open(scene, QUEUES.taken)
  /** @param {Delivery} delivery */
  async function handle(delivery) {
    const number = recorder.began(QUEUES.taken, delivery)
    const isDone = await work(scene, number, delivery.data, delivery.attempt)
    const settled = isDone ? delivery.ack() : delivery.retry({ delay: chance.whole(0, 200) })
    await settled.then(
      () => recorder.settled(number, 'ok'),
      ({ code }) =>
        recorder.settled(number, code === 'SLUICE_STALE_DELIVERY' ? 'stale' : 'unknown'),
    )
  }
  while (mayGoOn()) {
    const taken = await queue.take({ max: chance.whole(1, 4), wait: 300 })
    await Promise.all(taken.map(handle))
  }
}

/** @param {Scene} scene */
export function createAdding(scene) {
  const { who, recorder, chance, isAwaited, tellBusy } = scene
  const queues = [open(scene, QUEUES.worked), open(scene, QUEUES.taken)]
  let keyCount = 0
  let addedCount = 0

  /** @param {Queue} queue @param {Nature} nature @param {number} size @param {{delay?: number}} options */
  async function add(queue, nature, size, options = {}) {
    const data = Array.from({ length: size }, () => ({ key: `${who}-${++keyCount}`, nature }))
    const keys = data.map(({ key }) => key)
    const number = recorder.adding(queue.name, nature, keys)
    const [first] = data
    const adding =
      size === 1 && first
        ? queue.add(first, options).then((job) => [job])
        : queue.addMany(data, options)
    // It leaves in this turn of the event loop.
    if (isAwaited()) setImmediate(tellBusy)
    try {
      const jobs = await adding
      recorder.added(
        number,
        jobs.map(({ id }) => id),
      )
      addedCount += size
    } catch (error) {
      recorder.refused(number, error)
    }
  }

  function drawSize() {
    const draw = chance.next()
    if (draw < 0.7) return 1
    return draw < 0.95 ? chance.whole(2, 8) : chance.whole(10, 40)
  }

  async function call() {
    while (scene.mayGoOn()) {
      const queue = chance.next() < 0.75 ? queues[0] : queues[1]
      const options = chance.next() < 0.1 ? { delay: chance.whole(20, 1_500) } : {}
      if (queue) await add(queue, 'plain', drawSize(), options)
      await pause(chance.whole(5, 60))
    }
  }

  return {
    get addedCount() {
      return addedCount
    },
    start: () => Promise.all(Array.from({ length: CALLERS }, call)),
    /** Jobs of another nature, which only workers get. @param {Nature} nature @param {number} size */
    async addOf(nature, size) {
      if (queues[0]) await add(queues[0], nature, size)
    },
  }
}
