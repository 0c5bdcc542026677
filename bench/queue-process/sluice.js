// @ts-check
import { createSluice } from '../../dist/index.js'

export const settings = 'defaults'

/** @type {import('./work.js').Open} */
export const open = async (port) => benchQueueOf(createSluice(`redis://127.0.0.1:${port}`))

/**
 * @param {import('../../dist/index.js').Sluice} sluice
 * @param {import('../../dist/index.js').QueueOptions<import('./work.js').Payload>} [options]
 * @returns {import('./work.js').BenchQueue & import('./work.js').Pausable}
 */
export function benchQueueOf(sluice, options = {}) {
  const queue = /** @type {import('../../dist/index.js').Queue<import('./work.js').Payload>} */ (
    sluice.queue('bench', options)
  )
  return {
    add: (payloads) => queue.addMany(payloads),
    addOne: (payload, delayMs = 0) =>
      delayMs > 0 ? queue.add(payload, { delay: delayMs }) : queue.add(payload),
    addBulk: (payloads, delayMs = 0) => queue.addMany(payloads, { delay: delayMs }),
    holdsManyWorkers: true,
    work: async (concurrency, handle) => queue.work((job) => handle(job.data), { concurrency }),
    async left() {
      const { ready, timed, inFlight, dead, parked = 0 } = await queue.counts()
      return ready + timed + inFlight + dead + parked
    },
    close: () => sluice.close(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  }
}
