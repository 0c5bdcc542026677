// @ts-check
import { loadDriver } from '../../dist/engine/sqlite/driver.js'
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'

const { name: driver, sqliteVersion } = await loadDriver()

export const settings = `defaults, which are synchronous 'full', but 'normal' for file-normal; SQLite ${sqliteVersion} of ${driver}`

/** @type {import('./work.js').Open} */
export async function open(folder, store = 'file-full') {
  const file = `sqlite:${folder}/queues.db`
  return benchQueueOf(
    store === 'memory'
      ? createSluice('memory:')
      : createSluice(file, { synchronous: store === 'file-full' ? 'full' : 'normal' }),
  )
}
