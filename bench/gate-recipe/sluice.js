// @ts-check
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'
import { keyOf } from './work.js'

export const settings = 'defaults; lock: (job) => its key'

/** @type {import('./work.js').Open} */
export const open = async (port) =>
  benchQueueOf(createSluice(`redis://127.0.0.1:${port}`), { lock: keyOf })
