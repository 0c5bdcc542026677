// @ts-check
import { openWith } from '../queue-process/bee-queue.js'

export { packageName } from '../queue-process/bee-queue.js'
export const settings =
  'activateDelayedJobs, events and job store off, removeOnSuccess; on its own redis 3'

/** @type {import('../queue-process/work.js').Open} */
export const open = (port) => openWith(port, { activateDelayedJobs: true })
