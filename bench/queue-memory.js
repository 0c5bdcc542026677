// @ts-check
// What a job that waits costs the server, beyond its payload.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-memory',
  work: 'used_memory before and after adding jobs of 200 bytes; the largest key of ours with 1,000,000 waiting (quick: 50,000)',
  one: 'job',
  unit: 'bytes',
  peers: ['bullmq', 'bull', 'bee-queue', 'groupmq'],
  rounds: { full: 1, quick: 1 },
  full: { jobs: 50_000 },
  quick: { jobs: 5_000 },
  cases: [
    { name: 'waiting', task: { delayMs: 0 }, cpu: false },
    { name: 'delayed', task: { delayMs: 3_600_000 }, cpu: false },
    { name: 'many', task: { delayMs: 0, ours: 1_000_000 }, quick: { ours: 50_000 }, cpu: false },
  ],
  figures: [
    { name: 'waiting-overhead-bytes', from: 'waiting', unit: 'bytes', better: 'lower' },
    { name: 'delayed-overhead-bytes', from: 'delayed', unit: 'bytes', better: 'lower' },
    { name: 'largest-key-bytes', from: 'many', unit: 'bytes', better: 'lower' },
  ],
})
