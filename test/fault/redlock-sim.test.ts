// The real code on simulated nodes. The whole run: npm run fault -- redlock-sim --seed N
import { describe, expect, it } from 'vitest'
import { runBatches } from './redlock-sim/batches.js'

const RUNS = 400
const PATIENCE_MS = 60_000

describe('Redlock in time that passes by itself', { timeout: PATIENCE_MS }, () => {
  it(`has no two holders and only growing fences in ${RUNS} runs, whatever nodes do`, async () => {
    const sum = await runBatches({ seed: 7, runs: RUNS })
    expect(sum.violations).toEqual([])
    expect(sum.runs).toBe(RUNS)
    expect(sum.grants).toBeGreaterThan(RUNS)
    expect(Object.keys(sum.kinds).sort()).toEqual(['forgetful', 'steady', 'stepping'])
  })

  // Seeds whose runs show it: a run is the same each time.
  it.each([
    { without: 'guard', first: 19, what: 'took a write with a lower fence' },
    { without: 'drift', first: 387, what: 'had two holders' },
    { without: 'restarts', first: 549, what: 'had two holders' },
  ] as const)('finds what goes wrong without $without', async ({ without, first, what }) => {
    const sum = await runBatches({ seed: 1, runs: 1, first, without })
    expect(sum.violations.map((violation) => violation.what).join()).toContain(what)
    const whole = await runBatches({ seed: 1, runs: 1, first })
    expect(whole.violations).toEqual([])
  })
})
