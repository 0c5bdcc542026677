// @ts-check
// Draws what each rule of limits admits over time, from a real run of it in memory, into docs/limits.
// `npm run -s build && node scripts/limit-plots.js`
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { rootFolder } from './prepare.js'

/**
 * @typedef {typeof import('../src/index.ts')} SluiceModule
 * @typedef {typeof import('../src/testing/index.ts')} TestingModule
 *
 * @typedef {object} Ask
 * @property {number} atS
 * @property {boolean} isAllowed
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {(rules: SluiceModule) => import('../src/index.ts').Rule} rule
 * @property {number} [heldS] for so long each unit is held; how many are is drawn instead
 */

export const plotsFolder = path.join(rootFolder, 'docs', 'limits')

const PERIOD_S = 10
const UNITS = 10
const per = /** @type {const} */ (`${PERIOD_S}s`)

/** @type {Record<string, Plot>} */
const PLOTS = {
  funnel: {
    title: "funnel({ capacity: 5, leak: 5, per: '10s' })",
    rule: ({ funnel }) => funnel({ capacity: 5, leak: 5, per }),
  },
  'token-bucket': {
    title: "tokenBucket({ capacity: 10, refill: 10, per: '10s' })",
    rule: ({ tokenBucket }) => tokenBucket({ capacity: UNITS, refill: UNITS, per }),
  },
  'token-bucket-interval': {
    title: "tokenBucket({ capacity: 10, refill: 5, per: '5s', mode: 'interval' })",
    rule: ({ tokenBucket }) =>
      tokenBucket({ capacity: UNITS, refill: 5, per: '5s', mode: 'interval' }),
  },
  'token-bucket-aligned': {
    title: "tokenBucket({ capacity: 10, refill: 10, per: '10s', mode: 'aligned' })",
    rule: ({ tokenBucket }) =>
      tokenBucket({ capacity: UNITS, refill: UNITS, per, mode: 'aligned' }),
  },
  'fixed-window': {
    title: "fixedWindow({ limit: 10, per: '10s' })",
    rule: ({ fixedWindow }) => fixedWindow({ limit: UNITS, per }),
  },
  'sliding-counter': {
    title: "slidingCounter({ limit: 10, per: '10s' })",
    rule: ({ slidingCounter }) => slidingCounter({ limit: UNITS, per }),
  },
  'sliding-counter-strict': {
    title: "slidingCounter({ limit: 10, per: '10s', strict: true })",
    rule: ({ slidingCounter }) => slidingCounter({ limit: UNITS, per, strict: true }),
  },
  'sliding-log': {
    title: "slidingLog({ limit: 10, per: '10s' })",
    rule: ({ slidingLog }) => slidingLog({ limit: UNITS, per }),
  },
  concurrency: {
    title: 'concurrency({ limit: 10 })',
    rule: ({ concurrency }) => concurrency({ limit: UNITS }),
    heldS: 4,
  },
}

/** Four seconds past a full ten, so that windows on the clock are not those of the first take. */
const START_MS = Date.UTC(2026, 0, 1, 0, 0, 4)
const QUIET_S = 7
const ASK_EVERY_S = 0.25
const END_S = 32

/** One ask, a while without any, and then four a second: more than any of them admits. */
const ASK_TIMES_S = [
  0,
  ...Array.from(
    { length: (END_S - QUIET_S) / ASK_EVERY_S },
    (_, index) => QUIET_S + index * ASK_EVERY_S,
  ),
]

/**
 * @param {import('../src/index.ts').Rule} rule
 * @param {number | undefined} heldS
 * @param {TestingModule} testing
 */
async function run(rule, heldS, { createTestSluice }) {
  const { sluice, clock } = createTestSluice({ startMs: START_MS })
  const limiter = sluice.limiter('plot', rule)
  /** @type {Ask[]} */
  const asks = []
  /** @type {{endS: number, lease: import('../src/index.ts').LimitLease}[]} */
  const held = []
  let nowS = 0
  for (const atS of ASK_TIMES_S) {
    await clock.advance((atS - nowS) * 1_000)
    nowS = atS
    while (held[0] && held[0].endS <= atS) await held.shift()?.lease.release()
    const { allowed, lease } = await limiter.take('key')
    asks.push({ atS, isAllowed: allowed })
    if (lease) held.push({ endS: atS + (heldS ?? 0), lease })
  }
  await sluice.close()
  return asks
}

const WIDTH = 800
const HEIGHT = 216
const LEFT = 40
const RIGHT = 784
const TOP = 44
const BOTTOM = 152
const MOST_UNITS = 20
const MARKS = { top: 164, bottom: 178 }

const round = (/** @type {number} */ value) => Number(value.toFixed(1))
const x = (/** @type {number} */ atS) => round(LEFT + ((RIGHT - LEFT) * atS) / END_S)
const y = (/** @type {number} */ units) => round(BOTTOM - ((BOTTOM - TOP) * units) / MOST_UNITS)

/**
 * Units admitted in so many seconds before each instant at which that changes.
 * @param {readonly Ask[]} asks @param {number} spanS
 */
function countsOf(asks, spanS) {
  const admitted = asks.filter(({ isAllowed }) => isAllowed).map(({ atS }) => atS)
  const changes = [...new Set([...admitted, ...admitted.map((atS) => atS + spanS)])]
  return changes
    .filter((atS) => atS <= END_S)
    .sort((a, b) => a - b)
    .map((atS) => ({
      atS,
      units: admitted.filter((one) => one <= atS && one > atS - spanS).length,
    }))
}

/** @param {Plot} plot @param {readonly Ask[]} asks */
function draw({ title, heldS }, asks) {
  const counts = countsOf(asks, heldS ?? PERIOD_S)
  const [what, when] =
    heldS === undefined
      ? [`Units admitted in the last ${PERIOD_S} s`, `in any ${PERIOD_S} s`]
      : [`Units held, each for ${heldS} s`, 'at any moment']
  const most = Math.max(...counts.map(({ units }) => units))
  const steps = counts.map(({ atS, units }) => `H${x(atS)}V${y(units)}`).join('')
  const marks = asks
    .map(({ atS, isAllowed }) => {
      const kind = isAllowed ? 'allowed' : 'refused'
      return `  <path class="${kind}" d="M${x(atS)} ${MARKS.top}V${MARKS.bottom}" />`
    })
    .join('\n')
  const grid = [0, 10, 20].map(
    (units) =>
      `  <path class="${units === UNITS ? 'limit' : 'line'}" d="M${LEFT} ${y(units)}H${RIGHT}" />\n` +
      `  <text class="end" x="${LEFT - 8}" y="${y(units) + 5}">${units}</text>`,
  )
  const seconds = [0, 10, 20, 30].map(
    (atS) => `  <text class="middle" x="${x(atS)}" y="200">${atS} s</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc" xml:lang="en">
  <title id="title">${title}</title>
  <desc id="desc">${what}, over ${END_S} s, by ${title}, for one ask at 0 s and four a second from ${QUIET_S} s on. At most ${most} ${when}.</desc>
  <style>
    .page { fill: #ffffff; stroke: #d0d7de; }
    text { fill: #1f2328; font: 14px system-ui, sans-serif; }
    .title { font: 600 14px ui-monospace, monospace; }
    .middle { text-anchor: middle; }
    .end { text-anchor: end; }
    .line { stroke: #d0d7de; fill: none; }
    .limit { stroke: #cf222e; stroke-dasharray: 6 4; fill: none; }
    .units { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.5; }
    .allowed { stroke: #1a7f37; stroke-width: 3; }
    .refused { stroke: #d0d7de; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      text { fill: #e6edf3; }
      .line { stroke: #30363d; }
      .limit { stroke: #ff7b72; }
      .units { fill: #0c2d6b; stroke: #58a6ff; }
      .allowed { stroke: #3fb950; }
      .refused { stroke: #30363d; }
    }
  </style>
  <rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="6" />
  <text class="title" x="${LEFT}" y="26">${title}</text>
  <text class="end" x="${RIGHT}" y="26">most ${when}: ${most}</text>
  <path class="units" d="M${x(0)} ${y(0)}${steps}H${x(END_S)}V${y(0)}Z" />
${grid.join('\n')}
${marks}
${seconds.join('\n')}
</svg>
`
}

/**
 * The plots by the names of their files, the same each time.
 *
 * @param {SluiceModule} rules
 * @param {TestingModule} testing
 */
export async function drawPlots(rules, testing) {
  /** @type {Map<string, string>} */
  const plots = new Map()
  for (const [name, plot] of Object.entries(PLOTS)) {
    plots.set(`${name}.svg`, draw(plot, await run(plot.rule(rules), plot.heldS, testing)))
  }
  return plots
}

if (process.argv[1] === import.meta.filename) {
  /** @type {SluiceModule} */
  const rules = await import(new URL('../dist/index.js', import.meta.url).href)
  /** @type {TestingModule} */
  const testing = await import(new URL('../dist/testing/index.js', import.meta.url).href)
  mkdirSync(plotsFolder, { recursive: true })
  for (const [name, text] of await drawPlots(rules, testing)) {
    writeFileSync(path.join(plotsFolder, name), text)
  }
}
