// @ts-check
// Limits without a server: in memory, and in a file.
import { runBench } from './kit/bench.js'

/** @param {string} name */
const speed = (name) => ({
  ...{ name, from: name, unit: 'takes/s' },
  better: /** @type {const} */ ('higher'),
})

await runBench({
  name: 'limit-sqlite',
  work: 'takes of 1, all allowed, over 10,000 keys; 100 in flight',
  one: 'take',
  unit: 'takes/s',
  engine: 'sqlite',
  peers: ['rate-limiter-flexible'],
  full: { keys: 10_000, inFlight: 100, warmUpMs: 600, durationMs: 1_500 },
  quick: { warmUpMs: 300, durationMs: 700 },
  cases: [
    { name: 'memory', task: { store: 'memory' } },
    { name: 'file-normal', task: { store: 'file-normal' } },
  ],
  figures: [speed('memory'), speed('file-normal')],
})
