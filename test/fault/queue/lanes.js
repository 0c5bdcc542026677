// @ts-check
// What one process that works on jobs does all the time: by workers and by hand.
import { setTimeout as pause } from 'node:timers/promises'
import { QUEUES } from './plan.js'

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
 * @property {(name: string) => Queue} open a queue, as all processes know it
 * @property {string} who
 * @property {import('./recorder.js').Recorder} recorder
 * @property {{next: () => number, whole: (low: number, high: number) => number}} chance
 * @property {() => boolean} mayGoOn
 * @property {() => boolean} isAwaited whether somebody waits for the next job, or the next add; true once
 * @property {() => void} tellBusy that it is there
 * @property {(count: number) => void} tellAdded
 * @property {() => Death | undefined} drawDeath once
 */

/** Long enough for whoever was told to stop or kill this process before it is over, and in steps: who was stopped goes on for a while. */
const AWAITED = { steps: 30, stepMs: 10 }

const end = () => process.kill(process.pid, 'SIGKILL')

/** @param {Scene} scene @param {number} number of the delivery @param {import('./plan.js').Payload} data @param {number} attempt */
async function work({ chance, isAwaited, tellBusy, recorder }, number, { nature }, attempt) {
  if (nature === 'poison') end()
  if (isAwaited()) {
    tellBusy()
    for (let step = 0; step < AWAITED.steps; step++) await pause(AWAITED.stepMs)
  }
  const draw = chance.next()
  if (draw < 0.02) await pause(chance.whole(50, 400))
  else if (draw < 0.9) await pause(chance.whole(0, 25))
  if (nature === 'hanging' && attempt === 1) await new Promise(() => {})
  const isBad = nature === 'doomed' || (nature === 'bad' && attempt === 1) || chance.next() < 0.02
  recorder.ended(number, isBad ? 'failed' : 'done')
  return !isBad
}

/** @param {Scene} scene @param {string} name @param {{concurrency: number, lease: number}} options */
export function startWorker(scene, name, options) {
  const { recorder, drawDeath } = scene
  return scene.open(name).work(async (job) => {
    const isDone = await work(scene, recorder.began(name, job), job.data, job.attempt)
    const death = drawDeath()
    if (death === 'done') end()
    // The acknowledgement leaves in this turn of the event loop.
    if (death === 'acknowledging') setImmediate(end)
    if (!isDone) await Promise.reject()
  }, options)
}

/** @param {Scene} scene */
export async function takeByHand(scene) {
  const { recorder, chance, mayGoOn } = scene
  const queue = scene.open(QUEUES.taken)
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
