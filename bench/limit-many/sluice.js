// @ts-check
import { createSluice, fixedWindow } from '../../dist/index.js'
import { WINDOWS } from './work.js'

export const settings = 'fixedWindow, defaults; three rules of one limiter, or three limiters'

/** @type {import('./work.js').Open} */
export async function open(port, windows = WINDOWS) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const rules = windows.map(({ units, seconds }) =>
    fixedWindow({ limit: units, per: seconds * 1_000 }),
  )
  /** @param {string} name @param {typeof rules} of @returns {import('./work.js').Take} */
  const takeBy = (name, of) => {
    const limiter = sluice.limiter(name, of)
    return async (key) => (await limiter.take(key)).allowed
  }
  return {
    one: takeBy('one', rules.slice(0, 1)),
    together: takeBy('together', rules),
    apart: rules.map((rule, index) => takeBy(`apart-${index}`, [rule])),
    close: () => sluice.close(),
  }
}
