// @ts-check
// What a lock costs that nobody else wants: acquire and release, each time of another name.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'lock-uncontended',
  work: 'acquire and release, every pair a new name, TTL 30 s, refused at once if it were taken',
  one: 'pair',
  unit: 'pairs/s',
  peers: ['redlock4', 'redlock5', 'sesamecare-redlock', 'redlock-universal', 'redis-semaphore'],
  // Alone in flight it takes some thousand pairs until all of a library is compiled: 1.7k pairs/s of
  // ours after 0.3 s, 3.2k after 2 s. Short measurements in more rounds, because machines are faster at times.
  rounds: { full: 5, quick: 3 },
  full: { warmUpMs: 2_000, durationMs: 800 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [
    { name: 'inflight-1', task: { inFlight: 1 } },
    { name: 'inflight-100', task: { inFlight: 100 } },
  ],
})
