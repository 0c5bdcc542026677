// @ts-check
// A storm over queues: six workers and two producers share them, while processes, connections and the
// server fail in every way.
import path from 'node:path'
import { monotonicMs } from '../outcomes/history.js'
import { check, measure } from './check.js'
import { processKinds } from './faults.js'
import { openRedis, openSqlite } from './ground.js'
import * as format from './history.js'
import { optionsOf, QUEUES, SIZES } from './plan.js'
import { closeSchedules, openSchedules } from './schedules.js'
import { playStorm } from './storm.js'
import { withQueues, workOff } from './work-off.js'

const theme = {
  ...{ name: 'storm', sizes: SIZES, processKinds, format, check, measure },
  program: path.join(import.meta.dirname, 'process.js'),
  open: openPlace,
  begin,
  /** Jobs that were added, and deliveries. */
  countOperations: (/** @type {import('./check.js').Measures} */ { added, deliveries }) =>
    added + deliveries,
}

/** @param {import('./storm.js').StormRun} run */
export const runStorm = (run) => playStorm(theme, run)

/** @param {'redis' | 'sqlite'} engine @param {string} folder @param {import('./storm.js').Chance} chance */
function openPlace(engine, folder, chance) {
  return engine === 'redis' ? openRedis(folder, chance.next) : openSqlite(folder)
}

/** Afterwards it sees that schedules go on. @param {import('./ground.js').Place} place @param {import('../locks/notes.js').Notes} notes */
async function begin(place, notes) {
  const firsts = await withQueues(place.url, optionsOf, (queueOf) =>
    openSchedules(queueOf(QUEUES.worked)),
  )
  return () =>
    withQueues(place.url, optionsOf, async (queueOf) => {
      for (const schedule of await closeSchedules(queueOf(QUEUES.worked), firsts)) {
        notes.note('scheduled', monotonicMs(), schedule)
      }
      await workOff(Object.values(QUEUES).map(queueOf), notes)
    })
}
