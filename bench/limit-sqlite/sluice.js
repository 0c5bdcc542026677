// @ts-check
import { loadDriver } from '../../dist/engine/sqlite/driver.js'
import { createSluice, funnel } from '../../dist/index.js'
import { RULE } from '../limit-take/work.js'

const { name: driver, sqliteVersion } = await loadDriver()

export const settings = `funnel, synchronous 'normal'; SQLite ${sqliteVersion} of ${driver}`

/** @type {import('./work.js').Open} */
export async function open(folder, store = 'file-normal', { units, seconds } = RULE) {
  const sluice =
    store === 'memory'
      ? createSluice('memory:')
      : createSluice(`sqlite:${folder}/limits.db`, { synchronous: 'normal' })
  const rule = funnel({ capacity: units, leak: units, per: seconds * 1_000 })
  const limiter = sluice.limiter('bench', rule)
  return {
    take: (key) => limiter.take(key),
    isAllowed: ({ allowed }) => allowed,
    close: () => sluice.close(),
  }
}
