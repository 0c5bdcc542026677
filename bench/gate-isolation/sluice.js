// @ts-check
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'

export const settings = 'defaults; the jobs that are parked say their lock with addMany'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const queue = sluice.queue('bench')
  return {
    ...benchQueueOf(sluice),
    addLocked: (payloads, lock) => queue.addMany(payloads, { lock }),
    hold: (name) => sluice.lock(name).acquire(),
    parked: async () => (await queue.counts()).parked ?? 0,
  }
}
