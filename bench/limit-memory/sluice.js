// @ts-check
import { createSluice, funnel, slidingCounter, slidingLog } from '../../dist/index.js'
import { LIMIT, SECONDS } from './work.js'

export const settings =
  'defaults; sliding-log-100 is a slidingLog of 100 with 100 units of a key, sliding-log-1000 one of 1,000 with as many'

const per = SECONDS * 1_000
const KINDS = {
  funnel: { rule: () => funnel({ capacity: LIMIT, leak: LIMIT, per }), digits: 16, units: 1 },
  'sliding-counter': { rule: () => slidingCounter({ limit: LIMIT, per }), digits: 15, units: 1 },
  'sliding-log-100': { rule: () => slidingLog({ limit: 100, per }), digits: 19, units: 100 },
  'sliding-log-1000': { rule: () => slidingLog({ limit: 1_000, per }), digits: 19, units: 1_000 },
}

/** @type {import('./work.js').Open} */
export async function open(port, kind = 'funnel') {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const { rule, digits, units } = KINDS[kind]
  const limiter = sluice.limiter('b', rule())
  return {
    digits,
    async fill(key) {
      const { allowed, remaining } = await limiter.take(key, { cost: units })
      if (!allowed) throw new Error('a take within the limit was refused')
      return remaining
    },
    close: () => sluice.close(),
  }
}
