// @ts-check
// A storm over gates: jobs that need locks, permits and budget, and callers who hold the same locks
// without a queue, while processes, connections and the server fail.
import path from 'node:path'
import { playStorm } from '../queue/storm.js'
import { withQueues, workOff } from '../queue/work-off.js'
import { check, measure } from './check.js'
import { processKinds } from './faults.js'
import { openRedis, openSqlite } from './ground.js'
import * as format from './history.js'
import { QUEUES, SIZES } from './plan.js'
import { optionsOf } from './queues.js'
import { startWatcher } from './watcher.js'

const theme = {
  ...{ name: 'gates', sizes: SIZES, processKinds, format, check, measure },
  program: path.join(import.meta.dirname, 'process.js'),
  open: (/** @type {'redis' | 'sqlite'} */ engine, /** @type {string} */ folder) =>
    engine === 'redis' ? openRedis() : openSqlite(folder),
  begin,
  /** Jobs that were added, deliveries, and holds of those who have no queue. */
  countOperations: (/** @type {import('./check.js').Measures} */ { added, deliveries, holds }) =>
    added + deliveries + holds,
}

/** @param {import('../queue/storm.js').StormRun} run */
export const runGates = (run) => playStorm(theme, run)

/** @param {import('../queue/ground.js').Place} place @param {import('../locks/notes.js').Notes} notes */
async function begin({ url }, notes) {
  const stop = startWatcher(url, notes)
  return async () => {
    await withQueues(url, optionsOf, (queueOf) =>
      workOff(Object.values(QUEUES).map(queueOf), notes),
    )
    await stop()
  }
}
