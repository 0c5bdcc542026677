// @ts-check
// What a lock costs that nobody else wants: acquire and release, each time of another name.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'lock-uncontended',
  work: 'acquire and release, every pair a new name, TTL 30 s, refused at once if it were taken',
  one: 'pair',
  unit: 'pairs/s',
  peers: ['redlock4', 'redlock5', 'sesamecare-redlock', 'redlock-universal', 'redis-semaphore'],
  // Many short rounds: a machine that is faster at times is so for all of them.
  rounds: { full: 9, quick: 3 },
  full: { warmUpMs: 300, durationMs: 600 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [
    { name: 'inflight-1', task: { inFlight: 1 } },
    { name: 'inflight-100', task: { inFlight: 100 } },
  ],
})
