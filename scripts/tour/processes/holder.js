// @ts-check
// Holds a lock for as long as it is told to, and writes to a guarded file with its fence.
import { sharedNowMs } from '../figures.js'
import { writeGuardedFile } from '../guarded-file.js'

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {import('sluice').Lease | undefined} */
  let lease
  function held() {
    if (lease === undefined) throw new Error('nothing is held')
    return lease
  }
  return {
    /** @param {{ name: string, ttlMs: number }} details */
    async hold({ name, ttlMs }) {
      lease = await sluice.lock(name, { ttl: ttlMs }).acquire()
      return { fence: lease.fence, atMs: sharedNowMs() }
    },
    async release() {
      const atMs = sharedNowMs()
      return { outcome: await held().release(), atMs }
    },
    /** As a program that trusts its last look at the lease. @param {{ file: string, text: string }} details */
    async write({ file, text }) {
      const written = await writeGuardedFile(file, { fence: held().fence, text })
      return { written, lost: held().remainingMs === 0 && held().signal.aborted }
    },
  }
}
