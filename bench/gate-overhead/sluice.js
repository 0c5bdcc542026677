// @ts-check
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'

export const settings = "defaults; the queue with gates has lock: (job) => 'user:' + job.index"

/** @type {import('./work.js').Open} */
export const open = async (port, lock) =>
  benchQueueOf(createSluice(`redis://127.0.0.1:${port}`), lock ? { lock } : {})
