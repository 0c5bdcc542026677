// @ts-check
// Works through deferred requests: each job runs when its user's lock is free, else comes again.
import { LockTimeoutError } from 'sluice'
import { sharedNowMs } from '../figures.js'

/** @typedef {{ requestNumber: number, lock: string }} Request */

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {{ requestNumber: number, atMs: number }[]} */
  const done = []
  return {
    /** @param {{ queue: string }} details */
    work({ queue: name }) {
      /** @type {import('sluice').Queue<Request>} */
      const queue = sluice.queue(name)
      queue.work(async ({ data }) => {
        const { requestNumber, lock } = data
        const note = () => done.push({ requestNumber, atMs: sharedNowMs() })
        try {
          await sluice.lock(lock).run(note, { wait: 0 })
        } catch (error) {
          if (!(error instanceof LockTimeoutError)) throw error
          await queue.add(data, { delay: Math.ceil(error.retryAfterMs) })
        }
      })
    },
    done: () => done,
  }
}
