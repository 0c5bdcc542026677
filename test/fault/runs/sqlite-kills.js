// @ts-check
// kill -9 of processes in the middle of their transactions on one SQLite file, 500 times:
// npm run fault -- sqlite-kills [--seed N] [--kills N] [--json]
import { parseArgs } from 'node:util'
import { killWriters } from '../sqlite-kill-run.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
})
const [seed, kills] = [Number(values.seed), Number(values.kills)]
if (!Number.isInteger(seed) || !Number.isInteger(kills) || kills < 1) {
  console.error('--seed and --kills must be whole numbers, such as --seed 1 --kills 500.')
  process.exit(2)
}
const say = values.json ? () => {} : console.log
say(`seed ${seed}`)
const startMs = performance.now()
let shown = 0
const outcome = await killWriters({
  seed,
  kills,
  onBatch({ faults, violations }) {
    if (faults % 50 === 0) say(`${faults} killed`)
    for (const violation of violations.slice(shown)) say(violation)
    shown = violations.length
  },
})
const { operations, faults, inTransaction, longestMs, violations } = outcome
const seconds = Math.round((performance.now() - startMs) / 1000)
if (values.json) console.log(JSON.stringify({ seed, seconds, ...outcome }))
say(`${inTransaction} of them inside a transaction for sure; ${seconds} s`)
say(`longest call of the writer that lived on: ${Math.round(longestMs)} ms`)
if (!values.json) {
  console.log(`${operations} operations, ${faults} faults, ${violations.length} violations`)
}
process.exit(violations.length > 0 ? 1 : 0)
