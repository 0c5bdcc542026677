import { defineConfig } from 'vitest/config'

const tidy = 'test/tidy.test.ts'
const faults = [
  'test/fault/**/*.test.ts',
  'test/clients.test.ts',
  'test/connect-input.test.ts',
  'test/durability.test.ts',
  'test/limits.test.ts',
  'test/locks.test.ts',
  'test/outages.test.ts',
  'test/outcomes.test.ts',
  'test/{power,storm}.test.ts',
  'test/{ported,regression}/**/*.test.ts',
]

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: {
    pool: 'forks',
    // Tests mostly wait for real servers and timers, but some promise times: they need a core.
    maxWorkers: 3,
    // What is awaited comes when it comes on a busy machine. Promised times are measured apart.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'product',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [tidy, ...faults],
          globalSetup: ['test/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'faults', include: faults, globalSetup: ['test/global-setup.ts'] },
      },
      // Rules about the source need no server, so that `npm run check` works without one.
      { extends: true, test: { name: 'tidy', include: [tidy] } },
    ],
  },
})
