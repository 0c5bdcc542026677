// @ts-check
// What a take of a limiter costs when all want the same key.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'limit-hot',
  work: 'takes of 1, all allowed, of one key',
  one: 'take',
  unit: 'takes/s',
  peers: ['rate-limiter-flexible'],
  full: { inFlight: 1_000, warmUpMs: 2_000, durationMs: 2_000 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [
    { name: 'engine', task: { isLeased: false } },
    { name: 'lease', task: { isLeased: true } },
  ],
})
