// @ts-check
import { openWith } from '../queue-process/groupmq.js'
import { keyOf } from './work.js'

export { packageName } from '../queue-process/groupmq.js'
export const settings =
  'a group for each key, autoBatch off, atomicCompletion, else defaults; on ioredis 6'

/** @type {import('./work.js').Open} */
export const open = (port) => openWith(port, keyOf)
