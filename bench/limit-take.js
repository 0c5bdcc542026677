// @ts-check
// What a take of a limiter costs, spread over many keys.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'limit-take',
  work: 'takes of 1, all allowed, over 10,000 keys that exist: 200 an hour for each',
  one: 'take',
  unit: 'takes/s',
  peers: ['rate-limiter-flexible', 'upstash-ratelimit', 'rate-limit-redis', 'bottleneck'],
  full: { keys: 10_000, touchMs: 10_000, warmUpMs: 1_500, durationMs: 1_500 },
  quick: { touchMs: 300, warmUpMs: 100, durationMs: 300 },
  cases: [
    { name: 'inflight-1', task: { inFlight: 1 } },
    { name: 'inflight-100', task: { inFlight: 100 } },
    { name: 'inflight-1000', task: { inFlight: 1_000 } },
  ],
})
