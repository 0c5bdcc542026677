// @ts-check
// Redlock on simulated nodes in time that passes by itself: delays, losses, crashes, restarts without
// data, clocks that drift, processes that stand still.
// npm run fault -- redlock-sim [--seed N] [--runs 200000] [--only RUN] [--without guard|restarts|drift] [--json]
import { runBatches, seedOf } from '../redlock-sim/batches.js'
import { tellEnd } from '../run-end.js'
import { readRun, refuse } from '../run-options.js'
import { sayViolations } from '../violations.js'

const RULES = /** @type {const} */ (['guard', 'restarts', 'drift'])
const PROGRESS_MS = 10_000

const run = readRun('redlock-sim', ['runs', 200_000], {
  only: undefined,
  without: undefined,
})
const { seed, say, seconds } = run
const { only, without: named } = run.further
const first = Number(only ?? 0)
if (!Number.isInteger(first)) refuse('--only must be a whole number, such as --only 1234.')
const runs = only === undefined ? run.amount : 1
const without = RULES.find((rule) => rule === named)
if (named !== undefined && without === undefined) {
  refuse(`--without must be one of ${RULES.join(', ')}, not ${named}.`)
}
let saidMs = performance.now()

say(`seed ${seed}`)
const sum = await runBatches({
  ...{ seed, runs, first, ...(without && { without }) },
  onProgress({ runs: done }) {
    if (performance.now() - saidMs < PROGRESS_MS) return
    saidMs = performance.now()
    console.error(`${seconds()} s: ${done} runs`)
  },
})
const violations = sum.violations
  .toSorted((a, b) => a.seed - b.seed)
  .map((violation) => ({ ...violation, run: violation.seed - seedOf(seed, 0) }))
const rule = without ? ` --without ${without}` : ''
sayViolations(
  violations.map(({ what, ...rest }) => ({ ...rest, what: `in run ${rest.run}: ${what}` })),
  {
    say,
    again: ({ run }) => `npm run fault -- redlock-sim --seed ${seed} --only ${run}${rule}`,
  },
)
say(`\n${sum.runs} runs, ${sum.grants} leases, ${JSON.stringify(sum.kinds)}, ${seconds()} s`)
tellEnd(run, { ...sum, violations: violations.length }, { ...sum, violations })
