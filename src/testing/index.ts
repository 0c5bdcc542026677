export { type TestClock, testClock } from './clock.ts'
export { createTestSluice, type TestSluice } from './sluice.ts'
