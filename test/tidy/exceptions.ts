import type { Exception } from './rule.ts'

/** Where a rule does not hold, and why. One that is no longer needed fails the test. */
export const exceptions: readonly Exception[] = [
  {
    rule: 'nothing is exported by default',
    path: 'vitest.config.ts',
    reason: 'vitest reads its configuration from the default export',
  },
  {
    rule: 'no shell scripts',
    path: '.ci/run',
    reason: 'continuous integration calls it as a program, before Node is known to be there',
  },
  ...[
    'no test runs alone',
    'a skipped test says why, in a comment beside or above it',
    'nothing is exported by default',
    'nothing is left to do in a comment',
    'no path leads to a place that only one machine has',
  ].map((rule) => ({ rule, path: 'test/tidy/words.ts', reason: 'it names what it forbids' })),
]
