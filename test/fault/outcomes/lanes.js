// @ts-check
// What one process does all the time: many callers side by side, each with one call under way.
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from './history.js'
import { LIMITERS, LOCKS, QUEUES } from './plan.js'

/**
 * @typedef {import('../../../src/index.ts').Sluice} Sluice
 * @typedef {import('../../../src/index.ts').Lease} Lease
 * @typedef {import('../../../src/index.ts').Delivery<string>} Delivery
 * @typedef {import('./recorder.js').Recorder} Recorder
 *
 * @typedef {object} Scene
 * @property {Sluice} sluice
 * @property {Recorder} recorder
 * @property {{next: () => number, whole: (low: number, high: number) => number}} chance
 * @property {string} who
 * @property {number} timeoutMs of one command
 * @property {import('./plan.js').Rules} rules
 * @property {() => boolean} mayGoOn counts down the calls that are left
 */

const DEADLOCK_PATIENCE_MS = 5_000
const TAKE_WAIT_MS = 200

/** Read in this order it is never too late; nothing for a lease that is over. @param {Lease} lease */
function stateOf(lease) {
  const nowMs = monotonicMs()
  const { remainingMs } = lease
  return remainingMs > 0 ? { validUntilMs: nowMs + remainingMs } : {}
}

/** @param {Scene} scene */
export function adding({ sluice, recorder, chance, who, timeoutMs, mayGoOn }) {
  const queues = Object.values(QUEUES).map((name) => sluice.queue(name, { attempts: 999 }))
  let keyCount = 0
  const newKey = () => `${who}-${++keyCount}`

  function drawSize() {
    const draw = chance.next()
    if (draw < 0.001) return chance.whole(1_001, 1_400)
    return draw < 0.15 ? chance.whole(2, 20) : 1
  }

  return async () => {
    while (mayGoOn()) {
      const size = drawSize()
      const keys = Array.from({ length: size }, newKey)
      // A thousand jobs are only looked at where nobody has to work them off.
      const queue =
        (size > 1_000 ? queues.at(-1) : queues[chance.whole(0, queues.length - 1)]) ?? queues[0]
      if (!queue) return
      const options = chance.next() < 0.1 ? { delay: chance.whole(20, 400) } : {}
      const calls = Math.ceil(size / 1_000)
      await recorder.call(
        'add',
        timeoutMs * calls,
        { queue: queue.name, keys },
        async () => {
          if (size > 1) return await queue.addMany(keys, options)
          return [await queue.add(keys[0], options)]
        },
        (jobs) => ({ ids: jobs.map(({ id }) => id) }),
      )
      await pause(chance.whole(0, 4))
    }
  }
}

/** @param {Scene} scene */
export function takingByHand({ sluice, recorder, chance, timeoutMs, mayGoOn }) {
  const queue = /** @type {import('../../../src/index.ts').Queue<string>} */ (
    sluice.queue(QUEUES.taken, { attempts: 999 })
  )

  /** @param {Delivery} delivery */
  async function settle(delivery) {
    const { id, fence, data: key } = delivery
    const details = { queue: QUEUES.taken, key, id, fence }
    const draw = chance.next()
    if (draw < 0.3) await pause(chance.whole(0, 10))
    mayGoOn()
    if (draw < 0.8) await recorder.call('ack', timeoutMs, details, () => delivery.ack())
    else if (draw < 0.95) {
      const options = { delay: chance.whole(0, 100) }
      await recorder.call('retry', timeoutMs, details, () => delivery.retry(options))
    } else await recorder.call('fail', timeoutMs, details, () => delivery.fail('on purpose'))
  }

  return async () => {
    while (mayGoOn()) {
      const wait = chance.next() < 0.8 ? TAKE_WAIT_MS : 0
      const options = { max: chance.whole(1, 8), wait }
      const taken = await recorder.call('take', timeoutMs + wait, {}, () => queue.take(options))
      for (const { id, data, fence, attempt } of taken?.result ?? []) {
        const job = { queue: QUEUES.taken, key: data, id, fence, attempt }
        recorder.note({ note: 'delivery', ...job })
      }
      await Promise.all((taken?.result ?? []).map(settle))
      if ((taken?.result.length ?? 0) === 0) await pause(20)
    }
  }
}

/** A worker, and what closes it. @param {Scene} scene */
export function working({ sluice, recorder, chance }) {
  const queue = /** @type {import('../../../src/index.ts').Queue<string>} */ (
    sluice.queue(QUEUES.worked, { attempts: 999, backoff: { type: 'fixed', base: 50 } })
  )
  return queue.work(
    async ({ id, data: key, fence, attempt }) => {
      const job = { queue: QUEUES.worked, key, id, fence }
      recorder.note({ note: 'delivery', ...job, attempt })
      await pause(chance.whole(0, 5))
      const how = chance.next() < 0.9 ? 'ack' : 'retry'
      recorder.note({ note: 'handled', ...job, how })
      if (how === 'retry') throw new Error('on purpose')
    },
    { concurrency: 20 },
  )
}

/** @param {Scene} scene */
export function locking(scene) {
  const { recorder, chance, who, timeoutMs, mayGoOn } = scene
  let coldCount = 0

  function drawLock() {
    if (chance.next() < 0.3) return { name: `cold-${who}-${++coldCount}`, ttlMs: 1_000 }
    return LOCKS[chance.whole(0, LOCKS.length - 1)]
  }

  /** @param {Lease} lease */
  async function hold(lease) {
    const { owner } = lease
    lease.signal.addEventListener('abort', () => {
      recorder.note({ note: 'loss', owner, reason: lease.signal.reason?.reason })
    })
    if (chance.next() < 0.4) await pause(chance.whole(0, 30))
    if (chance.next() < 0.2 && mayGoOn()) {
      // Often shorter than what is left: the server may then end it before the answer is there.
      const ttl = chance.whole(150, 1_000)
      const tell = () => stateOf(lease)
      await recorder.call('extend', timeoutMs, { owner }, () => lease.extend(ttl), tell)
      if (chance.next() < 0.2) await pause(chance.whole(0, 30))
    }
    mayGoOn()
    await release(scene, lease)
  }

  return async () => {
    while (mayGoOn()) {
      const lock = drawLock()
      if (!lock) return
      const wait = chance.next() < 0.5 ? 0 : chance.whole(100, 2_000)
      const lease = await acquire(scene, lock, wait)
      if (lease) await hold(lease)
      else await pause(chance.whole(0, 10))
    }
  }
}

/**
 * @param {Scene} scene
 * @param {{name: string, ttlMs: number}} lock
 * @param {number} wait
 * @param {boolean} [isLast]
 */
async function acquire({ sluice, recorder, timeoutMs }, { name, ttlMs }, wait, isLast = false) {
  const handle = sluice.lock(name, { ttl: ttlMs })
  const got = await recorder.call(
    'acquire',
    timeoutMs + wait,
    { lock: name, isLast },
    () => (wait === 0 ? handle.tryAcquire() : handle.acquire({ wait })),
    (lease) =>
      lease === null
        ? { answer: 'taken' }
        : { owner: lease.owner, fence: lease.fence, ...stateOf(lease) },
  )
  return got?.result ?? null
}

/** @param {Scene} scene @param {Lease} lease */
async function release({ recorder, timeoutMs }, lease) {
  const details = { owner: lease.owner, ...stateOf(lease) }
  const tell = (/** @type {string} */ answer) => ({ answer })
  await recorder.call('release', timeoutMs, details, () => lease.release(), tell)
}

/** Everything works again: nobody may be kept out of a lock. @param {Scene} scene */
export async function lockEachOnce(scene) {
  await Promise.all(
    LOCKS.map(async (lock) => {
      const lease = await acquire(scene, lock, DEADLOCK_PATIENCE_MS, true)
      if (!lease) return
      await release(scene, lease)
    }),
  )
}

/** @param {Scene} scene */
export function limiting({ sluice, recorder, chance, timeoutMs, rules, mayGoOn }) {
  const limiters = LIMITERS.map((plan) => ({
    ...plan,
    limiter: sluice.limiter(plan.name, plan.rule(rules)),
  }))
  return async () => {
    while (mayGoOn()) {
      const plan = limiters[chance.whole(0, limiters.length - 1)]
      if (!plan) return
      const key = `key-${chance.whole(1, plan.keys)}`
      const cost = chance.next() < 0.7 ? 1 : chance.whole(2, 3)
      await recorder.call(
        'limit',
        timeoutMs,
        { limiter: plan.name, key, cost },
        () => plan.limiter.take(key, { cost }),
        ({ allowed, remaining }) => ({ allowed, remaining }),
      )
      if (chance.next() < 0.5) await pause(chance.whole(0, 4))
    }
  }
}
