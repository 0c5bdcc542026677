// @ts-check
// What all processes of a run work on together.
import { QUEUES as OF_STORM } from '../queue/plan.js'

/** Processes of each role. Holders take locks without a queue. */
export const SIZES = { worker: 6, producer: 2, holder: 2 }
/** Users, each with a lock of its own. */
export const USERS = 50
/** Who adds waits while so many jobs are there: all of them are claimed or parked then, and none in line. */
export const MOST_WAITING = 400

/**
 * Jobs of all need the lock of their user: of the first two the queue says so, of the last one, which is taken and settled by
 * hand, whoever adds. Those of `metered` need more than that.
 */
export const QUEUES = { locked: 'locked', metered: 'metered', taken: OF_STORM.taken }
export const CONCURRENCY = { locked: 8, metered: 4 }
/** Of `metered`: at one time, at one time of one tenant, and in a second. */
export const METERED = { total: 8, ofTenant: 3, perSecond: 60 }
const TENANTS = 5

/** @typedef {import('../queue/plan.js').Payload & {user: number}} Payload */

/** @param {number} user */
export const lockOf = (user) => `user:${user}`
/** What a job of a user is known by. @param {string} who @param {number} number @param {number} user */
export const keyOf = (who, number, user) => `${who}-${number}@${user}`
/** @param {string} key of a job */
export const userOf = (key) => Number(key.slice(key.lastIndexOf('@') + 1))
/** @param {number} user */
export const tenantOf = (user) => `tenant-${user % TENANTS}`

/** As jobs name their gates. @param {string} queue @param {number} user */
export function gatesOf(queue, user) {
  const lock = `lock:${lockOf(user)}`
  if (queue !== QUEUES.metered) return [lock]
  const own = `semaphore:queue:${QUEUES.metered}`
  return [lock, `${own}:${tenantOf(user)}`, own, `limit:queue%3A${QUEUES.metered}:all`]
}

/** All semaphores, with their permits. */
export const SEMAPHORES = [
  { name: `queue:${QUEUES.metered}`, permits: METERED.total },
  ...Array.from({ length: TENANTS }, (_, tenant) => ({
    name: `queue:${QUEUES.metered}:${tenantOf(tenant)}`,
    permits: METERED.ofTenant,
  })),
]

/** How many may have it at one time. @param {string} gate */
export function roomOf(gate) {
  const semaphore = SEMAPHORES.find(({ name }) => gate === `semaphore:${name}`)
  if (semaphore) return semaphore.permits
  return gate.startsWith('lock:') ? 1 : Number.POSITIVE_INFINITY
}

/** What a job holds, and what a holder does. */
export const JOB_TTL_MS = 15_000
export const HOLDER_TTL_MS = 1_500
/** Callers of each holder, each with one call under way. */
export const CALLERS = 10
