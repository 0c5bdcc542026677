// @ts-check
// The queues of a run, as every process opens them.
import { QUEUE_OPTIONS } from '../queue/plan.js'
import { lockOf, METERED, QUEUES, tenantOf } from './plan.js'

/**
 * @typedef {import('./plan.js').Payload} Payload
 * @typedef {import('../../../src/index.ts').QueueOptions<Payload>} QueueOptions
 */

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { fixedWindow } = await import(dist.href)

/** @type {QueueOptions} */
const locked = { ...QUEUE_OPTIONS, lock: ({ user }) => lockOf(user) }
/** @type {QueueOptions} */
const metered = {
  ...locked,
  concurrency: {
    total: METERED.total,
    perKey: { key: ({ user }) => tenantOf(user), max: METERED.ofTenant },
  },
  rate: { total: fixedWindow({ limit: METERED.perSecond, per: '1s' }) },
}

/** @param {string} queue @returns {QueueOptions} */
export function optionsOf(queue) {
  if (queue === QUEUES.taken) return QUEUE_OPTIONS
  return queue === QUEUES.metered ? metered : locked
}
