// Redlock on five real servers that fail one by one and in pairs. The whole run, with a seed to
// choose: npm run fault -- redlock --seed N
import { describe, expect, it } from 'vitest'
import { runRedlock } from './redlock/run.js'

const ACQUISITIONS = 1_000
/** Until every kind of fault has come once, on a machine that does other work besides. */
const PATIENCE_MS = 120_000

describe('Redlock on five servers', () => {
  it('has no two holders, only growing fences, and settles every call in time', {
    timeout: PATIENCE_MS,
  }, async () => {
    const outcome = await runRedlock({ seed: 3, acquisitions: ACQUISITIONS })
    expect(outcome.violations).toEqual([])
    expect(outcome.acquisitions).toBeGreaterThanOrEqual(ACQUISITIONS)
    for (const kind of ['killed, and back without data', 'stopped', 'slow', 'cut off']) {
      expect(outcome.faults.join('\n')).toContain(kind)
    }
  })
})
