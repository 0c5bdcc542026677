// @ts-check
// Whether other clients notice that keys go, and how long it takes to find the biggest ones.
import { spawnSync } from 'node:child_process'
import { findBigKeys } from '../dist/redis/index.js'
import { disturb } from './big-keys/disturb.js'
import { BIGGEST, fillBig, fillBiggest, fillKeys, SMALL } from './big-keys/fill.js'
import { CLIENT_CORE, pin, pinning } from './kit/cores.js'
import { readOptions } from './kit/options.js'
import { jsonLines, OURS, table } from './kit/report.js'
import { emptyServer, startServer } from './kit/server.js'
import { expect } from './kit/window.js'

/** @typedef {import('./kit/report.js').Figures} Figures */

const NAME = 'big-keys'
const SIZES = {
  full: { keys: 1_000_000, members: 5_000_000, idleMs: 3_000, limitMs: 540_000 },
  quick: { keys: 100_000, members: 500_000, idleMs: 800, limitMs: 50_000 },
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))
const { json, quick, rounds } = readOptions({ full: 3, quick: 1 })
const sizes = quick ? SIZES.quick : SIZES.full
const log = json ? () => {} : console.error
const server = await startServer()
const { port } = server
pin(process.pid, CLIENT_CORE)

/** @type {(name: string, unit: string) => Figures} */
const figures = (name, unit) => ({ name, unit, better: 'lower', rounds: new Map() })
const deletion = figures('delete-keys-p99-vs-idle', 'x idle')
const draining = figures('drain-key-p99-vs-idle', 'x idle')
const finding = figures('memkeys-time-ratio', 'ms')
const cases = [
  {
    of: deletion,
    methods: { [OURS]: 'deleteKeys', 'DEL loop': 'DEL loop', 'UNLINK loop': 'UNLINK loop' },
  },
  { of: draining, methods: { [OURS]: 'drainKey', DEL: 'DEL', UNLINK: 'UNLINK' } },
]
/** @type {Figures[]} */
const details = []

/** @param {Figures} of @param {string} label @param {number} value */
const note = (of, label, value) => of.rounds.set(label, [...(of.rounds.get(label) ?? []), value])

/** @param {string} name @param {string} unit @returns {Figures} */
function detail(name, unit) {
  const known = details.find((one) => one.name === name)
  const one = known ?? figures(name, unit)
  if (known === undefined) details.push(one)
  return one
}

async function measureRemoval() {
  for (const { of, methods } of cases) {
    for (const [label, method] of Object.entries(methods)) {
      await emptyServer(port)
      await (of === deletion ? fillKeys(port, sizes.keys) : fillBig(port, sizes.members))
      const { ratio, tookMs, idleP99Ms, busyP99Ms } = await disturb(port, method, sizes.idleMs)
      note(of, label, ratio)
      const short = of === deletion ? 'delete' : 'drain'
      note(detail(`${short}: p99`, 'ms'), label, busyP99Ms)
      note(detail(`${short}: idle p99`, 'ms'), label, idleP99Ms)
      note(detail(`${short}: took`, 'ms'), label, tookMs)
    }
  }
}

async function measureFinding() {
  await emptyServer(port)
  await fillKeys(port, sizes.keys)
  await fillBiggest(port)
  const startMs = performance.now()
  const { biggest, keys } = await findBigKeys(`redis://127.0.0.1:${port}`, { top: BIGGEST })
  note(finding, OURS, performance.now() - startMs)
  expect(keys >= sizes.keys + BIGGEST, `only ${keys} keys were measured`)
  const found = new Set(biggest.map(({ key }) => key))
  for (let rank = 1; rank <= BIGGEST; rank++) {
    expect(found.has(`${SMALL}biggest:${rank}`), `the top ${BIGGEST} lacks one of the biggest`)
  }
  const { file, env } = server.tool
  const cliStartMs = performance.now()
  const args = ['-p', `${port}`, '--memkeys']
  const { status, error } = spawnSync(file, args, { env: { ...process.env, ...env } })
  // It is not everywhere where a server is.
  if (error === undefined && status === 0) {
    note(finding, 'redis-cli --memkeys', performance.now() - cliStartMs)
  } else console.error(`redis-cli could not run: ${error?.message ?? `exit code ${status}`}`)
}

const beganMs = performance.now()
let done = 0
while (done < rounds) {
  const roundMs = performance.now()
  log(`round ${done + 1} of ${rounds} ...`)
  await measureFinding()
  await measureRemoval()
  done++
  const lastedMs = performance.now() - roundMs
  if (performance.now() - beganMs + lastedMs > sizes.limitMs) break
}
if (done < rounds) console.error(`stopped after ${done} of ${rounds} rounds: no time for another`)
await server.stop()

const shown = [deletion, draining, finding]
if (json) for (const one of shown) for (const line of jsonLines(NAME, one)) console.log(line)
else {
  const counts = [sizes.keys, sizes.members].map((count) => count.toLocaleString('en-US'))
  console.log(
    `${NAME}: ${counts[0]} small keys, and a sorted set of ${counts[1]}, while a client pings`,
  )
  console.log(`median (min-max) of ${done} round${done === 1 ? '' : 's'}; ${pinning(true)}`)
  console.log(`redis-server ${server.version}; Node ${process.versions.node}`)
  console.log('its freeing thread shares the core of the server, as in a container of one core\n')
  for (const one of [...shown, ...details]) console.log(`${table([one])}\n`)
}
process.exit(0)
