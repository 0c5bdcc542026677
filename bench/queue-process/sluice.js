// @ts-check
import { createSluice } from '../../dist/index.js'

export const settings = 'defaults'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const queue = /** @type {import('../../dist/index.js').Queue<import('./work.js').Payload>} */ (
    sluice.queue('bench')
  )
  return {
    add: (payloads) => queue.addMany(payloads),
    work: async (concurrency, handle) => queue.work((job) => handle(job.data), { concurrency }),
    async left() {
      const { ready, timed, inFlight, dead } = await queue.counts()
      return ready + timed + inFlight + dead
    },
    close: () => sluice.close(),
  }
}
