// @ts-check
// A process of a run: it takes the lock, holds it, writes and releases, with the real code.
import { createLink } from './link.js'
import { createClock } from './world.js'

/**
 * @typedef {ReturnType<typeof startClient>} Client
 * @typedef {import('../redlock/check.js').Hold} Hold
 * @typedef {import('../redlock/check.js').Call} Call
 * @typedef {import('./world.js').Process} Process
 * @typedef {import('../../../src/index.ts').Lease} Lease
 */

export const NAME = 'lock'
const ROUNDS = 2
/** The longest that a node is waited for. */
const NODE_TIMEOUT_MS = 200
/** How long the first acquisition may take to find out who votes. */
const MEET_TTLS = 1

/**
 * @param {object} options
 * @param {string} options.who
 * @param {import('./world.js').World} options.world
 * @param {import('./weather.js').Chance} options.chance
 * @param {import('./weather.js').Scene} options.scene
 * @param {readonly import('./node.js').Node[]} options.nodes
 * @param {import('./run.js').Product} options.product
 * @param {number} options.rate
 * @param {(write: {who: string, number: number, fence: number}) => void} options.resource the way to what the lock protects
 * @param {{holds: Hold[], calls: Call[]}} options.told
 * @param {import('./run.js').Without | undefined} options.without
 */
export function startClient({
  who,
  world,
  chance,
  scene,
  nodes,
  product,
  rate,
  resource,
  told,
  without,
}) {
  const { ttlMs, longestTtlMs, weather } = scene
  /** @type {Process & {pausedMs: number}} */
  const process = { pausedUntilMs: 0, pausedMs: 0, isDead: false }
  const clock = createClock(world, process, rate)
  const links = nodes.map((node, index) =>
    createLink({
      ...{ world, process, clock, node, weather, place: `node ${index + 1}` },
      callTimeoutMs: ttlMs * 2,
      tellsRestarts: without !== 'restarts',
      failure: (message) => new product.EngineUnavailableError(message, { outcome: 'unknown' }),
    }),
  )
  const locks = product.locksOf(links, {
    ...{ clock, fence: true, minValidityMs: 0, nodeTimeoutMs: null, longestTtlMs },
    ...{ meetTimeoutMs: MEET_TTLS * ttlMs, random: chance.next },
  })
  const lock = locks.lock(NAME, { ttl: ttlMs })
  /** @type {{hold: Hold, lease: Lease} | null} */
  let open = null
  let isDone = false
  const sleep = (/** @type {number} */ ms) =>
    new Promise((resolve) => void world.after(ms, () => resolve(undefined), process))

  /** @template T @param {string} op @param {number} withinMs @param {() => Promise<T>} run */
  async function timed(op, withinMs, run) {
    /** @type {Call} */
    const call = { who, op, invokedMs: world.nowMs(), withinMs }
    const pausedMs = process.pausedMs
    told.calls.push(call)
    try {
      return await run()
    } catch {
      return null
    } finally {
      call.endedMs = world.nowMs()
      call.idleMs = process.pausedMs - pausedMs
    }
  }

  /** What a lease says of itself, in the time of the world. */
  function look() {
    if (!open || process.isDead || process.pausedUntilMs > world.nowMs()) return
    const leftMs = open.lease.remainingMs / rate
    if (leftMs > 0) open.hold.validUntilMs = world.nowMs() + leftMs
  }

  async function take() {
    const wait = chance.next() < 0.3 ? 0 : chance.whole(1, Math.round(ttlMs * 2))
    const invokedMs = world.nowMs()
    // Before the first one it is found out who votes, and an attempt asks twice.
    const withinMs = Math.max(wait, MEET_TTLS * ttlMs + NODE_TIMEOUT_MS * 2)
    const lease = await timed('acquire', withinMs, () => lock.acquire({ wait }))
    if (!lease) return
    const { fence, signal } = lease
    const number = told.holds.length + 1
    /** @type {Hold} */
    const hold = { who, number, name: NAME, fence, invokedMs, atMs: world.nowMs(), validUntilMs: 0 }
    told.holds.push(hold)
    hold.validUntilMs = world.nowMs() + lease.remainingMs / rate
    open = { hold, lease }
    signal.addEventListener('abort', () => {
      hold.toldMs = world.nowMs()
    })
    await work(hold, lease)
    look()
    hold.releasingMs = world.nowMs()
    open = null
    await timed('release', NODE_TIMEOUT_MS, () => lease.release())
  }

  /** Some hold it for a moment, some for longer than a lease; a write may be long on its way. @param {Hold} hold @param {Lease} lease */
  async function work({ number, fence }, lease) {
    const shareOfTtl = chance.next() < 0.6 ? 0.3 : 2.5
    const times = chance.whole(1, 2)
    for (let time = 0; time < times; time++) {
      await sleep(chance.next() * ttlMs * (shareOfTtl / times))
      if (lease.signal.aborted) return
      const onTheWayMs = chance.next() < 0.2 ? chance.next() * ttlMs * 3 : weather.delayMs()
      world.after(onTheWayMs, () => resource({ who, number, fence }))
    }
  }

  async function live() {
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(chance.next() * ttlMs * 0.5)
      await take()
    }
    isDone = true
  }
  void live()

  return {
    ...{ links, look },
    /** @param {number} forMs */
    pause(forMs) {
      const fromMs = Math.max(world.nowMs(), process.pausedUntilMs)
      process.pausedUntilMs = fromMs + forMs
      process.pausedMs += forMs
    },
    kill() {
      process.isDead = true
    },
    isDone: () => isDone || process.isDead,
    /** Nothing happens to it any more; a call that it had under way is nobody's. */
    end() {
      if (process.isDead) told.calls = told.calls.filter(({ endedMs }) => endedMs !== undefined)
      process.isDead = true
    },
  }
}
