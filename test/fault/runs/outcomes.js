// @ts-check
// Operations through connections that are reset after they were sent: each effect at most once, and
// each outcome told truthfully, as the store shows in the end.
// node test/fault/runs/outcomes.js --seed N [--operations 100000] [--json]
import { parseArgs } from 'node:util'
import { runOutcomes } from '../outcomes/run.js'

const SHOWN_OF_A_KIND = 3
const SHOWN_RECORDS = 8

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    operations: { type: 'string', default: '100000' },
    json: { type: 'boolean', default: false },
  },
})
const [seed, operations] = [Number(values.seed), Number(values.operations)]
if (!Number.isInteger(seed) || !Number.isInteger(operations) || operations < 1) {
  console.error(
    '--seed and --operations must be whole numbers, such as --seed 1 --operations 100000.',
  )
  process.exit(2)
}
const again = `npm run fault -- outcomes --seed ${seed} --operations ${operations}`
const say = values.json ? console.error : console.log
const startMs = performance.now()
const seconds = () => Math.round((performance.now() - startMs) / 1_000)

say(`seed ${seed}`)
const outcome = await runOutcomes({
  seed,
  operations,
  onProgress({ operations: done, faults: { resets, storms } }) {
    console.error(`${seconds()} s: ${done} operations, ${resets} resets, ${storms} outages`)
  },
})
const { faults, ends, unknownOf, violations } = outcome

/** Numbers and names aside, violations of one kind say the same. @type {Map<string, number>} */
const kinds = new Map()
for (const { what, witness } of violations) {
  const kind = what.replace(/\S*\d\S*/g, '…')
  const count = (kinds.get(kind) ?? 0) + 1
  kinds.set(kind, count)
  if (count > SHOWN_OF_A_KIND) continue
  say(`\nviolation: ${what}`)
  for (const record of witness.slice(0, SHOWN_RECORDS)) say(`  ${JSON.stringify(record)}`)
  say(`  again: ${again}`)
}
for (const [kind, count] of kinds) if (count > 1) say(`${count} times: ${kind}`)

say(
  `${faults.resets} resets, ${faults.storms} outages, ${faults.drops} of which dropped bytes; ${seconds()} s`,
)
say(
  `answered ${ends.ok}, told that nothing happened ${ends.fail}, left in doubt ${ends.unknown}: ${JSON.stringify(unknownOf)}`,
)
say(`furthest beyond a deadline: ${Math.round(outcome.longestOverMs)} ms`)
const faultCount = faults.resets + faults.storms
if (values.json) console.log(JSON.stringify({ seed, seconds: seconds(), ...outcome }))
else
  console.log(
    `${outcome.operations} operations, ${faultCount} faults, ${violations.length} violations`,
  )
process.exitCode = violations.length > 0 ? 1 : 0
