// @ts-check
import { createSluice, funnel } from '../../dist/index.js'
import { RULE } from './work.js'

export const settings = 'funnel, defaults; every verdict from the engine'

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const rule = funnel({ capacity: units, leak: units, per: seconds * 1_000 })
  const limiter = sluice.limiter('bench', rule)
  return {
    take: (key) => limiter.take(key),
    isAllowed: ({ allowed }) => allowed,
    close: () => sluice.close(),
  }
}
