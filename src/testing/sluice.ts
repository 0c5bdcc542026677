import { createSluice, insideOf, type Sluice } from '../sluice.ts'
import { type TestClock, testClock } from './clock.ts'

/** A Sluice for tests, and the clock that it lives by. */
export interface TestSluice {
  sluice: Sluice
  /** Stands still until it is moved; moving it waits for what that sets going in the engine. */
  clock: TestClock
}

/**
 * The real engine on memory with a clock that only the test moves: leases, delays, back-offs and
 * limits pass in no time at all. Starts at `startMs`, by default 2026-01-01T00:00:00Z.
 */
export function createTestSluice(options: { startMs?: number } = {}): TestSluice {
  const clock = options.startMs === undefined ? testClock() : testClock(options.startMs)
  const sluice = createSluice('memory:', { clock })
  clock.settleWith(() => insideOf(sluice).engine.idle())
  return { sluice, clock }
}
