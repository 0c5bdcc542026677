// @ts-check
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'
import { keyOf } from './work.js'

export const settings = 'defaults; lock: (job) => its key'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const queue = sluice.queue('bench')
  return {
    ...benchQueueOf(sluice, { lock: keyOf }),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  }
}
