// @ts-check
// Draws what other clients see: `node bench/big-keys/plot.js [--quick]` writes docs/guide/big-keys.svg.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { readOptions } from '../kit/options.js'
import { emptyServer, startServer } from '../kit/server.js'
import { disturb } from './disturb.js'
import { fillBig, fillKeys } from './fill.js'

const target = path.resolve(import.meta.dirname, '../../docs/guide/big-keys.svg')
const { quick } = readOptions()
const [keys, members] = quick ? [100_000, 500_000] : [1_000_000, 5_000_000]
const METHODS = ['DEL', 'UNLINK', 'drainKey', 'DEL loop', 'UNLINK loop', 'deleteKeys']
const FROM_LEFT = 150
const WIDTH = 560
const ROW = 84
const SLOWEST_MS = 10_000
const FASTEST_MS = 0.05
const POINTS = 280

/** Milliseconds to pixels of a row, on a logarithmic scale. @param {number} ms */
function height(ms) {
  const clipped = Math.min(SLOWEST_MS, Math.max(FASTEST_MS, ms))
  return (Math.log(clipped / FASTEST_MS) / Math.log(SLOWEST_MS / FASTEST_MS)) * (ROW - 24)
}

/** The slowest ping of each of so many equal times. @param {import('./disturb.js').Ping[]} pings */
function slowest(pings) {
  const [first = 0, last = 1] = [pings[0]?.atMs, pings.at(-1)?.atMs]
  /** @type {number[]} */
  const worst = []
  for (const { atMs, tookMs } of pings) {
    const at = Math.min(POINTS - 1, Math.floor(((atMs - first) / (last - first + 1)) * POINTS))
    worst[at] = Math.max(worst[at] ?? 0, tookMs)
  }
  return worst
}

/** @param {number} ms */
const inWords = (ms) => (ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms.toPrecision(2)} ms`)

const server = await startServer()
const rows = []
for (const [index, method] of METHODS.entries()) {
  await emptyServer(server.port)
  await (index < 3 ? fillBig(server.port, members) : fillKeys(server.port, keys))
  console.error(`${method} ...`)
  const { idle, busy, tookMs, idleP99Ms, busyP99Ms } = await disturb(server.port, method, 1_000)
  const base = 96 + (index + (index < 3 ? 0 : 0.35)) * ROW + (ROW - 24)
  const split = FROM_LEFT + WIDTH * 0.2
  /** @param {import('./disturb.js').Ping[]} pings @param {number} left @param {number} width */
  const bars = (pings, left, width) =>
    slowest(pings)
      .map(
        (ms, at) =>
          `M${(left + (at / POINTS) * width).toFixed(1)} ${base}v${-height(ms).toFixed(1)}`,
      )
      .join('')
  rows.push(
    `<text class="row" x="${FROM_LEFT - 12}" y="${base - 22}">${method}</text>`,
    `<text class="note" x="${FROM_LEFT - 12}" y="${base - 4}">${inWords(tookMs)}</text>`,
    `<path class="idle" d="${bars(idle, FROM_LEFT, WIDTH * 0.2)}"/>`,
    `<path class="${index % 3 === 2 ? 'ours' : 'busy'}" d="${bars(busy, split, WIDTH * 0.8)}"/>`,
    `<path class="line" d="M${FROM_LEFT} ${base}h${WIDTH}"/>`,
    `<text class="p99" x="${FROM_LEFT + WIDTH + 12}" y="${base - 22}">p99 ${inWords(busyP99Ms)}</text>`,
    `<text class="p99 soft" x="${FROM_LEFT + WIDTH + 12}" y="${base - 4}">idle ${inWords(idleP99Ms)}</text>`,
  )
}
await server.stop()

const [small, big] = [keys, members].map((count) => count.toLocaleString('en-US'))
const total = Math.round(96 + 6.35 * ROW + 20)
const description = METHODS.map((method, index) => `${method}: ${rows[index * 7 + 5]}`)
  .join('; ')
  .replace(/<[^>]*>/g, '')
writeFileSync(
  target,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 ${total}" role="img" aria-labelledby="title desc" xml:lang="en">
  <title id="title">What a client that pings sees while big keys go</title>
  <desc id="desc">${description}</desc>
  <style>
    .page { fill: #ffffff; stroke: #d0d7de; }
    text { fill: #1f2328; font: 14px system-ui, sans-serif; }
    .row, .note { text-anchor: end; }
    .row, .head { font-weight: 600; }
    .note, .soft { fill: #656d76; font-size: 12px; }
    .line { stroke: #8c959f; fill: none; }
    .idle { stroke: #8c959f; stroke-width: 2; }
    .busy { stroke: #cf222e; stroke-width: 2; }
    .ours { stroke: #1a7f37; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      text { fill: #e6edf3; }
      .note, .soft { fill: #8b949e; }
      .busy { stroke: #ff7b72; }
      .ours { stroke: #3fb950; }
    }
  </style>
  <rect class="page" x="0.5" y="0.5" width="839" height="${total - 1}" rx="6"/>
  <text class="head" x="24" y="32">Slowest ping of other clients, 0.05 ms to 10 s, logarithmic: idle (grey), then while it goes</text>
  <text class="note" x="24" y="54" style="text-anchor: start">Above a sorted set of ${big} members, below ${small} small keys. Redis ${server.version} on one core.</text>
  ${rows.join('\n  ')}
</svg>
`,
)
process.exit(0)
