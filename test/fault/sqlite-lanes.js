// @ts-check
// What a process does to a SQLite store while processes are killed around it: jobs are added and
// settled, locks taken and released, a limit used up. All of it goes into a history.

import { ORDINARY } from '../lock-request.js'

/** @typedef {import('../../src/queue/store.ts').QueueStore} QueueStore */
/** @typedef {import('../../src/lock/store.ts').LockStore} LockStore */
/** @typedef {import('../../src/limit/store.ts').LimitStore} LimitStore */
/** @typedef {{ queue: QueueStore, lock: LockStore, limit: LimitStore }} Stores */
/** @typedef {import('./sqlite-history.js').Line} Line */
/** @typedef {ReturnType<typeof import('./sqlite-chance.js').seededChance>} Chance */

/**
 * @typedef {object} Work
 * @property {string} who unique among all writers
 * @property {Stores} stores
 * @property {Chance} chance
 * @property {(line: Line) => void} tell appends to the history
 * @property {(op: string, error: unknown) => void} onFailure a call was refused
 */

export const QUEUE = 'jobs'
export const LIMITER = 'calls'
/** So slow that nothing leaks while a run lasts. */
export const RULE = /** @type {const} */ ({ kind: 'funnel', capacity: 100_000, emissionUs: 1e9 })
const LEASE_MS = 400
const TTL_MS = 400
const LOCK_NAMES = ['red', 'green', 'blue']

export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6

/** Starts all lanes. @param {Work} work @returns {() => Promise<void>} that ends them */
export function startLanes(work) {
  let isOver = false
  const lanes = [addJobs(work), settleJobs(work), lockAndRelease(work), takeUnits(work)]
  const running = lanes.map(async (step) => {
    while (!isOver) {
      await step()
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  return async () => {
    isOver = true
    await Promise.all(running)
  }
}

/**
 * One call: what is asked for goes into the history before, how it ended after.
 * @template T
 * @param {Work} work
 * @param {string} op
 * @param {Partial<Line>} asks
 * @param {() => Promise<T>} call
 * @param {(value: T) => Partial<Line>} got
 * @returns {Promise<T | undefined>}
 */
async function told({ who, tell, onFailure }, op, asks, call, got) {
  tell({ who, op, phase: 'asks', atMs: monotonicMs(), ...asks })
  try {
    const value = await call()
    tell({ who, op, phase: 'got', atMs: monotonicMs(), ...asks, ...got(value) })
    return value
  } catch (error) {
    tell({ who, op, phase: 'failed', atMs: monotonicMs(), ...asks })
    onFailure(op, error)
    return undefined
  }
}

/** @param {Work} work */
function addJobs(work) {
  const { who, stores, chance } = work
  let [sequence, jobCount] = [0, 0]
  return async () => {
    sequence++
    const keys = Array.from({ length: chance.whole(1, 3) }, () => `${who}/${++jobCount}`)
    const jobs = keys.map((key) => ({ payload: JSON.stringify(key), maxAttempts: 1, delayMs: 0 }))
    const request = { queue: QUEUE, producer: who, sequence, jobs }
    await told(
      work,
      'add',
      { keys },
      () => stores.queue.add(request),
      () => ({}),
    )
  }
}

/** @param {Work} work */
function settleJobs(work) {
  const { who, stores } = work
  let [life, sequence] = [1, 0]
  /** @type {{ id: string, key: string }[]} */
  let held = []
  return async () => {
    sequence++
    const settled = held
    const answer = await told(
      work,
      'settle',
      { keys: settled.map(({ key }) => key) },
      () =>
        stores.queue.exchange({
          ...{ queue: QUEUE, epoch: `${who}#${life}`, sequence, leaseMs: LEASE_MS },
          ...{ heldCount: settled.length, acks: settled.map(({ id }) => id), retries: [] },
          ...{ deaths: [], want: 3, maxCrashes: Number.MAX_SAFE_INTEGER },
        }),
      (given) => {
        const stale = new Set(given.tag === 'ok' ? given.staleIds : settled.map(({ id }) => id))
        return { keys: settled.filter(({ id }) => !stale.has(id)).map(({ key }) => key) }
      },
    )
    held = []
    if (answer?.tag === 'ok') {
      held = answer.jobs.map(({ id, payload }) => ({ id, key: JSON.parse(payload) }))
    } else {
      life++
      sequence = 0
    }
  }
}

/** @param {Work} work */
function lockAndRelease(work) {
  const { who, stores, chance } = work
  let count = 0
  return async () => {
    const name = LOCK_NAMES[chance.whole(0, LOCK_NAMES.length - 1)] ?? 'red'
    const owner = `${who}.${++count}`
    const request = {
      name,
      owner,
      ttlMs: TTL_MS,
      claimMs: TTL_MS,
      enqueue: false,
      heartbeat: false,
      ...ORDINARY,
    }
    const asks = { name, owner, ttlMs: TTL_MS }
    const answer = await told(
      work,
      'acquire',
      asks,
      () => stores.lock.acquire(request),
      (given) => (given.tag === 'acquired' ? { fence: given.fence } : {}),
    )
    if (answer?.tag !== 'acquired') return
    const release = () => stores.lock.release({ name, owner, ...ORDINARY })
    await told(work, 'release', asks, release, ({ tag }) => ({ tag }))
  }
}

/** @param {Work} work */
function takeUnits(work) {
  const { stores } = work
  const request = { limiter: LIMITER, key: 'all', rule: RULE, cost: 1, peek: false }
  return async () => {
    await told(
      work,
      'take',
      {},
      () => stores.limit.take(request),
      ({ allowed }) => ({ allowed }),
    )
  }
}
