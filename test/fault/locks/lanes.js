// @ts-check
// What one process does all the time: many callers side by side, each with one call under way.
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { COLD, HOT } from './plan.js'

/**
 * @typedef {import('../../../src/index.ts').Sluice} Sluice
 * @typedef {import('./plan.js').LockPlan} LockPlan
 * @typedef {import('./recorder.js').Holding} Holding
 *
 * @typedef {object} Scene
 * @property {Sluice} sluice
 * @property {import('./recorder.js').Recorder} recorder
 * @property {import('./resource.js').ResourceClient} resource
 * @property {{next: () => number, whole: (low: number, high: number) => number}} chance
 * @property {() => boolean} mayGoOn
 * @property {() => boolean} isAwaited whether the next hold of a hot name is waited for; true once
 * @property {(name: string) => void} tellHolding
 */

/** Long enough for whoever was told of a hold to stop or kill this process before it is over. */
const AWAITED_MS = 100

/** @param {Pick<Scene, 'sluice' | 'recorder'>} scene @param {LockPlan} plan @param {number} wait */
export async function acquire({ sluice, recorder }, { name, ttlMs }, wait) {
  const lock = sluice.lock(name, { ttl: ttlMs })
  const invokedMs = monotonicMs()
  try {
    const lease = wait === 0 ? await lock.tryAcquire() : await lock.acquire({ wait })
    if (lease) return recorder.acquired(lease, invokedMs)
    recorder.missed(name, invokedMs, 'taken')
  } catch (error) {
    recorder.missed(name, invokedMs, codeOf(error))
  }
  return null
}

/** @param {unknown} error */
const codeOf = (error) => String(/** @type {{code?: string}} */ (Object(error)).code ?? error)

/** @param {Pick<Scene, 'recorder'>} scene @param {Holding} holding */
export async function release({ recorder }, holding) {
  recorder.releasing(holding)
  const answer = await holding.lease.release().catch(codeOf)
  recorder.released(holding, answer)
}

/** @param {Pick<Scene, 'resource'>} scene @param {Holding} holding */
const write = ({ resource }, { number, lease }) => resource.write(number, lease.name, lease.fence)

/** One of two holders asks its lease before it writes, the other one trusts the fence. @param {Scene} scene @param {Holding} holding */
async function work(scene, holding) {
  const mayWrite = scene.chance.next() < 0.5 || scene.recorder.ask(holding)
  if (mayWrite) await write(scene, holding)
}

/** @param {Scene} scene @param {Holding} holding @param {number} ttlMs */
async function hold(scene, holding, ttlMs) {
  const { chance } = scene
  const draw = chance.next()
  // The longest need renewals.
  if (draw < 0.0005) await pause(chance.whole(ttlMs / 2, ttlMs * 1.6))
  else if (draw < 0.02) await pause(chance.whole(1, 30))
  await work(scene, holding)
  await release(scene, holding)
}

/** @param {Scene} scene @param {LockPlan} plan */
async function takeHot(scene, plan) {
  const { chance } = scene
  while (scene.mayGoOn()) {
    const got = await acquire(scene, plan, chance.next() < 0.05 ? 0 : chance.whole(500, 3_000))
    if (!got) await pause(chance.whole(1, 20))
    else if (scene.isAwaited()) {
      scene.tellHolding(plan.name)
      await pause(AWAITED_MS)
      await write(scene, got)
      await release(scene, got)
    } else await hold(scene, got, plan.ttlMs)
  }
}

/** @param {Scene} scene */
async function takeCold(scene) {
  const { chance } = scene
  while (scene.mayGoOn()) {
    const plan = COLD[chance.whole(0, COLD.length - 1)]
    if (!plan) return
    const got = await acquire(scene, plan, chance.next() < 0.15 ? 0 : chance.whole(500, 2_000))
    if (got) await hold(scene, got, plan.ttlMs)
    else await pause(chance.whole(1, 20))
  }
}

/** Blocks the event loop of this process. @param {number} ms */
export function blockFor(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Blocks this process, with all that it holds, and then writes for half of that without asking. @param {Scene} scene @param {number} ms */
export function freeze({ recorder, resource, chance }, ms) {
  blockFor(ms)
  // Nothing else has run since: no timer, no message.
  for (const holding of recorder.open.values()) {
    if (holding.isOver) continue
    if (chance.next() < 0.5) recorder.ask(holding)
    else void write({ resource }, holding)
  }
}

/** @param {Scene} scene @param {{ofEachHotName: number, ofColdNames: number}} callers */
export async function startLanes(scene, { ofEachHotName, ofColdNames }) {
  const hot = HOT.flatMap((plan) =>
    Array.from({ length: ofEachHotName }, () => takeHot(scene, plan)),
  )
  const cold = Array.from({ length: ofColdNames }, () => takeCold(scene))
  await Promise.all([...hot, ...cold])
}

/** Everything works again: nobody may be kept out of a lock. @param {Scene} scene @param {number} wait */
export async function takeEachOnce(scene, wait) {
  await Promise.all(
    [...HOT, ...COLD].map(async (plan) => {
      const got = await acquire(scene, plan, wait)
      if (got) await release(scene, got)
    }),
  )
}
