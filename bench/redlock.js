// @ts-check
// What a lock on five masters costs that nobody else wants.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'redlock',
  work: 'acquire and release on five masters, every pair a new name, TTL 2 s, refused at once if it were taken',
  one: 'pair',
  unit: 'pairs/s',
  servers: 5,
  peers: ['redlock4', 'redlock5', 'sesamecare-redlock', 'redlock-universal', 'redis-semaphore'],
  rounds: { full: 5, quick: 3 },
  full: { warmUpMs: 2_000, durationMs: 800 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [
    { name: 'inflight-1', task: { inFlight: 1 } },
    { name: 'inflight-100', task: { inFlight: 100 } },
    { name: 'fenced-inflight-100', task: { inFlight: 100, fence: true }, alone: true },
  ],
})
