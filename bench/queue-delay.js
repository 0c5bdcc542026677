// @ts-check
// How late delayed jobs start.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-delay',
  work: '2,000 jobs of 200 bytes that become due over 4 s; ours beside 1,000,000 that are due in an hour (quick: 20,000)',
  one: 'job',
  unit: 'ms',
  peers: ['bullmq', 'bull', 'bee-queue'],
  rounds: { full: 3, quick: 1 },
  full: { overMs: 4_000, firstAfterMs: 3_000 },
  quick: {},
  cases: [
    {
      name: 'due',
      task: { jobs: 2_000, others: 1_000_000, warmUpJobs: 5_000, warmUpMs: 5_000 },
      quick: { jobs: 1_000, others: 20_000, warmUpJobs: 1_000, warmUpMs: 1_000 },
    },
  ],
  figures: [
    { name: 'p50-ms', from: 'due', unit: 'ms', better: 'lower' },
    { name: 'p99-ms', from: 'due', unit: 'ms', better: 'lower' },
    { name: 'max-ms', from: 'due', unit: 'ms', better: 'lower' },
    { name: 'early', from: 'due', unit: 'jobs', better: 'lower' },
  ],
})
