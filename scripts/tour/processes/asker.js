// @ts-check
// Asks a limiter, many times at once.
import { slidingLog } from 'sluice'

/** @type {import('./participant.js').Play} */
export const play = (sluice) => ({
  /** @param {{ limiter: string, key: string, limit: number, perMs: number, times: number }} details */
  async take({ limiter: name, key, limit, perMs, times }) {
    const limiter = sluice.limiter(name, slidingLog({ limit, per: perMs }))
    const verdicts = await Promise.all(Array.from({ length: times }, () => limiter.take(key)))
    return verdicts.filter(({ allowed }) => allowed).length
  },
})
