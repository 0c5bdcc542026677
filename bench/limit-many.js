// @ts-check
// What three limits on one key cost, in one call.
import { runBench } from './kit/bench.js'

/** @param {string} name @param {'higher' | 'lower'} better @param {string} unit */
const figure = (name, better, unit) => ({ name, from: 'limits', better, unit })

await runBench({
  name: 'limit-many',
  work: 'takes of 1, all allowed, over 10,000 keys, by fixed windows of a minute, an hour and a day; 100 in flight',
  one: 'take',
  unit: 'takes/s',
  peers: ['rate-limiter-flexible'],
  full: { keys: 10_000, inFlight: 100, warmUpMs: 400, durationMs: 1_500 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [{ name: 'limits', task: {} }],
  figures: [
    figure('cost-vs-one', 'lower', '× the CPU of the server'),
    figure('cost-vs-three-calls', 'lower', '× the CPU of the server'),
    figure('three', 'higher', 'takes/s'),
  ],
})
