// @ts-check
// Acquisitions and releases by eight processes that are killed, stopped and blocked, on servers that
// fail, forget and have their clock set: never two holders, fences that grow, and every loss told.
// node test/fault/runs/locks.js --seed N [--operations 1000000] [--engine redis|sqlite] [--json]
import { parseArgs } from 'node:util'
import { runLocks } from '../locks/run.js'

const SHOWN_OF_A_KIND = 3
const SHOWN_RECORDS = 6

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    operations: { type: 'string', default: '1000000' },
    engine: { type: 'string', default: 'redis' },
    json: { type: 'boolean', default: false },
  },
})
const { engine } = values
const [seed, operations] = [Number(values.seed), Number(values.operations)]
if (!Number.isInteger(seed) || !Number.isInteger(operations) || operations < 1) {
  console.error(
    '--seed and --operations must be whole numbers, such as --seed 1 --operations 1000000.',
  )
  process.exit(2)
}
if (engine !== 'redis' && engine !== 'sqlite') {
  console.error(`--engine must be redis or sqlite, not ${engine}.`)
  process.exit(2)
}
const again = `npm run fault -- locks --seed ${seed} --operations ${operations} --engine ${engine}`
const say = values.json ? console.error : console.log
const startMs = performance.now()
const seconds = () => Math.round((performance.now() - startMs) / 1_000)

say(`seed ${seed}`)
const outcome = await runLocks({
  ...{ seed, operations, engine },
  onProgress({ stage, operations: done, faults }) {
    console.error(`${seconds()} s: ${stage}: ${done} operations, ${faults} faults`)
  },
})
const { stages, skipped, violations, kept } = outcome

for (const { stage, operations: done, seconds: tookS, faults, measures } of stages) {
  say(`\n${stage}: ${done} operations in ${Math.round(tookS)} s, ${faults.length} faults`)
  for (const fault of faults) say(`  ${fault}`)
  say(`  ${JSON.stringify(measures)}`)
}
for (const what of skipped) say(`\nleft out: ${what}`)

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
if (kept) say(`the whole history: ${kept}`)

say(`\n${seconds()} s`)
if (values.json) console.log(JSON.stringify({ seed, seconds: seconds(), ...outcome }))
else {
  console.log(
    `${outcome.operations} operations, ${outcome.faults} faults, ${violations.length} violations`,
  )
}
process.exitCode = violations.length > 0 ? 1 : 0
