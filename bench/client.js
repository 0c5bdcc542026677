// @ts-check
// Which Redis client costs least: calls a second, and CPU a call.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'client',
  work: 'GET, or EVALSHA of a script that writes once, over 1,000 keys; ours through its supervisor',
  one: 'call',
  unit: 'ops/s',
  peers: ['ioredis', 'redis', 'iovalkey', 'valkey-glide'],
  full: { warmUpMs: 400, durationMs: 1_000 },
  quick: { warmUpMs: 150, durationMs: 350 },
  cases: [
    { name: 'get-1', task: { command: 'get', inFlight: 1 } },
    { name: 'get-100', task: { command: 'get', inFlight: 100 } },
    { name: 'evalsha-1', task: { command: 'evalsha', inFlight: 1 } },
    { name: 'evalsha-100', task: { command: 'evalsha', inFlight: 100 } },
    { name: 'evalsha-1000', task: { command: 'evalsha', inFlight: 1_000 } },
  ],
  cpuCases: true,
})
