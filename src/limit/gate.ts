import type { Clock } from '../clock.ts'
import { ArgumentError, ClosedError } from '../errors.ts'
import type { Entry, Gate, Pass } from '../gate/gate.ts'
import { describe } from '../text.ts'
import { insideOfLimiter } from './inside.ts'
import type { Limiter, Verdict } from './limiter.ts'
import { tagFor } from './tags.ts'

/** Units of one key: whoever enters takes them, and waits until there are so many. */
export function limitGate(clock: Clock, limiter: Limiter, key: string, cost: number): Gate {
  const inside = insideOfLimiter(limiter)
  if (!inside) {
    const expected = 'a limiter, as sluice.limiter() makes them'
    throw new ArgumentError('limit.use', expected, describe(limiter))
  }
  const { name, rules } = limiter
  const tag = tagFor(inside.tag, key)
  const gateKey = `limit:${name.replaceAll('%', '%25').replaceAll(':', '%3A')}:${key}`

  function passOf({ lease }: Verdict, taken: number): Pass {
    const nothing = async () => {}
    const release = async () => {
      await lease?.release().catch(() => {})
    }
    const refund = async () => {
      await limiter.refund(key, taken).catch(() => {})
    }
    return {
      ...{ key: gateKey, fence: null, signal: lease?.signal ?? null },
      release: lease ? release : nothing,
      giveBack: lease ? release : refund,
    }
  }

  async function enter({ demand, signal, onWaiting }: Entry): Promise<Pass | null> {
    const units = Number(demand)
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const verdict = await limiter.take(key, { cost: units })
        if (verdict.allowed) return passOf(verdict, units)
        if (verdict.retryAfterMs === null) throw tooDear(name, units, verdict.limit)
        if (isFirst) onWaiting()
        await pause(clock, verdict.retryAfterMs, signal)
      }
      return null
    } catch (error) {
      if (signal.aborted || error instanceof ClosedError) return null
      throw error
    }
  }

  return {
    ...{ key: gateKey, demand: String(cost), isShared: true, isSpent: true, enter },
    terms: JSON.stringify({ kind: 'limit', name, key, rules, ...(tag === null ? {} : { tag }) }),
    async describe() {
      const { remaining, limit, retryAfterMs } = await limiter.peek(key, { cost })
      const again = retryAfterMs === null ? 'never' : `in ${Math.ceil(retryAfterMs)} ms`
      return `${remaining} of ${limit} units left, ${cost} again ${again}`
    },
  }
}

const tooDear = (name: string, cost: number, limit: number) =>
  new ArgumentError(
    'limit.cost',
    `at most the ${limit} units that limiter ${JSON.stringify(name)} ever allows at once`,
    String(cost),
  )

/** So long, or until it is aborted. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.after(ms, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}
