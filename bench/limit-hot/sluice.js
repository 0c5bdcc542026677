// @ts-check
import { createSluice, funnel } from '../../dist/index.js'
import { RULE } from './work.js'

export const settings = 'funnel, defaults: every verdict from the engine; lease: { tokens: 10,000 }'

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE, isLeased = false) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const rule = funnel({ capacity: units, leak: units, per: seconds * 1_000 })
  const limiter = sluice.limiter('bench', rule, isLeased ? { lease: { tokens: 10_000 } } : {})
  return {
    take: (key) => limiter.take(key),
    isAllowed: ({ allowed }) => allowed,
    close: () => sluice.close(),
  }
}
