// @ts-check
// What one run is made of: nodes, clocks, and how bad the weather is. All of it comes from the seed.

/**
 * @typedef {{next: () => number, whole: (low: number, high: number) => number}} Chance
 * @typedef {ReturnType<typeof drawScene>} Scene
 *
 * What is claimed, and what befalls the nodes then:
 * `steady`: clocks are far apart, and nodes keep their data;
 * `forgetful`: nodes come back without it, and their clocks are about right;
 * `stepping`: clocks are set while leases are held, so that only fences are claimed.
 * @typedef {'steady' | 'forgetful' | 'stepping'} Kind
 */

/** Half of the drift that a lease is shorter for: a client and a node may differ by twice that. */
const RATE = 0.004
const HOUR_MS = 3_600_000

/** @param {Chance} chance */
export function drawScene(chance) {
  const kindDraw = chance.next()
  /** @type {Kind} */
  const kind = kindDraw < 0.45 ? 'steady' : kindDraw < 0.8 ? 'forgetful' : 'stepping'
  const ttlMs = chance.whole(100, 1_000)
  const apartMs = kind === 'forgetful' ? ttlMs / 4 : HOUR_MS
  return {
    ...{ kind, ttlMs },
    nodeCount: chance.next() < 0.7 ? 3 : 5,
    clients: Array.from({ length: chance.next() < 0.6 ? 2 : 3 }, () => ({
      rate: drawRate(chance),
    })),
    drawNodeClock: () => ({
      rate: drawRate(chance),
      offsetMs: HOUR_MS * 2 + (chance.next() * 2 - 1) * apartMs,
    }),
    weather: drawWeather(chance, ttlMs),
    /** Of the node by its own clock, and of clients that count it by theirs. */
    longestTtlMs: ttlMs * (1 + chance.next()),
  }
}

/** @param {Chance} chance */
const drawRate = (chance) => 1 + (chance.next() * 2 - 1) * RATE

/** @param {Chance} chance @param {number} ttlMs */
function drawWeather(chance, ttlMs) {
  const nearMs = chance.next() < 0.5 ? 1 : ttlMs / 100
  const slowShare = chance.next() * 0.15
  const lostShare = chance.next() < 0.5 ? 0 : chance.next() * 0.1
  return {
    delayMs() {
      const draw = chance.next()
      // Some take longer than a node may, some longer than a lease.
      if (draw < slowShare / 4) return chance.next() * ttlMs * 2
      if (draw < slowShare) return chance.next() * (ttlMs / 10)
      return (0.2 + chance.next()) * nearMs
    },
    isLost: () => lostShare > 0 && chance.next() < lostShare,
  }
}
