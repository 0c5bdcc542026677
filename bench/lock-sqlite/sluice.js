// @ts-check
import { loadDriver } from '../../dist/engine/sqlite/driver.js'
import { createSluice } from '../../dist/index.js'

const { name: driver, sqliteVersion } = await loadDriver()

export const settings = `defaults, which are synchronous 'full', but 'normal' for file-normal; SQLite ${sqliteVersion} of ${driver}`

/** @type {import('./work.js').Open} */
export async function open(folder, store = 'file-full') {
  const file = `sqlite:${folder}/locks.db`
  const sluice =
    store === 'memory'
      ? createSluice('memory:')
      : createSluice(file, { synchronous: store === 'file-full' ? 'full' : 'normal' })
  return {
    async acquire(name) {
      const lease = await sluice.lock(name).acquire({ wait: '10m' })
      return () => lease.release()
    },
    close: () => sluice.close(),
  }
}
