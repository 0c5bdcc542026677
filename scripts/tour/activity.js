// @ts-check
// A little life for the status page: jobs, locks and limits in use, until it is stopped.
import { setTimeout as delay } from 'node:timers/promises'
import { slidingLog } from 'sluice'

const tickMs = 1_000
const people = ['ada', 'grace', 'edsger', 'barbara']

/** @param {readonly string[]} from */
const anyOf = (from) => from[Math.floor(Math.random() * from.length)] ?? 'ada'

/**
 * @param {import('sluice').Sluice} sluice
 * @param {AbortSignal} signal
 */
export function startActivity(sluice, signal) {
  const orders = sluice.queue('orders', { attempts: 1 })
  const newsletters = sluice.queue('newsletters')
  const logins = sluice.limiter('logins', slidingLog({ limit: 5, per: '10s' }))
  orders.work(
    async () => {
      await delay(300 + Math.random() * 900)
      if (Math.random() < 0.02) throw new Error('the card was declined')
    },
    { concurrency: 3 },
  )
  newsletters.work(() => delay(100))

  const addWork = async () => {
    const count = Math.floor(Math.random() * 8)
    await orders.addMany(Array.from({ length: count }, () => ({ buyer: anyOf(people) })))
    await newsletters.add(
      { reader: anyOf(people) },
      { delay: 1_000 + Math.floor(Math.random() * 9_000) },
    )
    await logins.take(anyOf(people))
  }
  const holdLock = (/** @type {string} */ name) =>
    sluice.lock(name, { ttl: '5s' }).run(() => delay(1_000 + Math.random() * 2_000))

  void repeat(signal, addWork)
  for (const name of ['report:daily', 'report:daily', 'report:daily', 'invoice:42']) {
    void repeat(signal, () => holdLock(name))
  }
}

/** Goes on after a failure: the page shows one, the next round may do. */
async function repeat(
  /** @type {AbortSignal} */ signal,
  /** @type {() => Promise<unknown>} */ work,
) {
  while (!signal.aborted) {
    await work().catch(() => {})
    await delay(tickMs * (0.5 + Math.random()), undefined, { ref: false })
  }
}
