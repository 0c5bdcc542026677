// @ts-check
// Enters every job into a ledger, in batches. It is the one that gets killed.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * The ledger is a folder, an entry is a file named by its job: the file system refuses a second one
 * in one step, whoever writes it.
 *
 * @param {string} ledger
 * @param {string} id
 * @returns {boolean} whether there was no entry yet
 */
function enter(ledger, id) {
  try {
    writeFileSync(path.join(ledger, id), `${process.pid}`, { flag: 'wx' })
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    return false
  }
}

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {string[]} */
  const refusedIds = []
  return {
    /** @param {{ queue: string, ledger: string, concurrency: number, leaseMs: number }} details */
    work({ queue, ledger, concurrency, leaseMs }) {
      sluice.queue(queue).work(
        async ({ id }) => {
          if (!enter(ledger, id)) refusedIds.push(id)
          // The rest of the work: a kill in here leaves an entry whose job was not acknowledged.
          await delay(10 + Math.random() * 20)
        },
        { concurrency, lease: leaseMs },
      )
    },
    refusedIds: () => refusedIds,
  }
}
