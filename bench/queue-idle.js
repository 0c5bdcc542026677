// @ts-check
// What workers send that have nothing to do.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-idle',
  work: '10 workers of one queue in one process, with no jobs; what they send, without pings',
  one: 'command',
  unit: 'commands/s',
  peers: ['bullmq', 'bull', 'bee-queue', 'groupmq'],
  rounds: { full: 3, quick: 1 },
  full: { workers: 10, settleMs: 3_000 },
  quick: { settleMs: 2_000 },
  cases: [{ name: 'idle', task: { durationMs: 20_000 }, quick: { durationMs: 5_000 }, cpu: false }],
  figures: [{ name: 'commands-per-second', from: 'idle', unit: 'commands/s', better: 'lower' }],
})
