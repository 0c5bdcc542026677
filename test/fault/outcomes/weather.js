// @ts-check
// What befalls the connections of one process: a reset now and then, before a request arrives or in
// place of its reply, and sometimes a while in which the server cannot be reached at all.
import { setTimeout as pause } from 'node:timers/promises'
import { everyConnection, outages } from '../proxy.js'

/**
 * @typedef {import('../proxy.js').FaultProxy} FaultProxy
 * @typedef {import('../proxy.js').Outage} Outage
 * @typedef {ReturnType<typeof startWeather>} Weather
 */

/** Of the packets: a packet carries the requests or replies of one tick. */
const REPLY_RESETS = 0.006
const REQUEST_RESETS = 0.002

/** @type {Outage} */
const showers = everyConnection({
  requests: { resetChance: REQUEST_RESETS },
  replies: { resetChance: REPLY_RESETS },
})
/** Shorter and longer than the deadline of a command. */
const STORM_MS = /** @type {const} */ ([100, 800])
const FIRST_CALM_MS = /** @type {const} */ ([200, 700])
const CALM_MS = /** @type {const} */ ([1_000, 4_000])

/** @type {readonly (keyof typeof outages)[]} */
const STORMS = ['mute', 'mute', 'deaf', 'refused', 'blackhole', 'halfOpen', 'frozen', 'reset']

/** These drop no bytes: they close, or deliver later. @type {ReadonlySet<string>} */
const LOSSLESS = new Set(['refused', 'frozen', 'reset'])

/**
 * @param {FaultProxy} proxy
 * @param {{whole: (low: number, high: number) => number}} chance
 */
export function startWeather(proxy, chance) {
  const stop = new AbortController()
  const counts = { storms: 0, drops: 0 }
  const wait = (/** @type {readonly [number, number]} */ [low, high]) =>
    pause(chance.whole(low, high), undefined, { signal: stop.signal }).catch(() => {})

  async function run() {
    while (!stop.signal.aborted) {
      await proxy.fail(showers)
      await wait(counts.storms === 0 ? FIRST_CALM_MS : CALM_MS)
      if (stop.signal.aborted) return
      const storm = STORMS[chance.whole(0, STORMS.length - 1)] ?? 'mute'
      counts.storms += 1
      if (proxy.counts.open > 0 && !LOSSLESS.has(storm)) counts.drops += 1
      await proxy.fail(storm)
      await wait(STORM_MS)
    }
  }
  const running = run()

  return {
    get faults() {
      return { resets: proxy.counts.resets, ...counts }
    },
    /** From now on everything works. */
    async clearUp() {
      stop.abort()
      await running
      await proxy.pass()
      proxy.forgetDead()
    },
  }
}
