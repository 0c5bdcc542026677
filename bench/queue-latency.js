// @ts-check
// From the call that adds a job to the start of its handler, on a queue that is idle.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-latency',
  work: 'jobs of 200 bytes, one every 20 ms, handled by a worker in the same process that has nothing else to do',
  one: 'job',
  unit: 'ms',
  peers: ['bullmq', 'bull', 'bee-queue', 'groupmq', 'platformatic-job-queue'],
  rounds: { full: 3, quick: 1 },
  full: { everyMs: 20, warmUpEveryMs: 1 },
  quick: {},
  cases: [
    {
      name: 'idle',
      task: { warmUpJobs: 5_000, jobs: 500 },
      quick: { warmUpJobs: 1_000, jobs: 150 },
    },
  ],
  figures: [
    { name: 'p50-ms', from: 'idle', unit: 'ms', better: 'lower' },
    { name: 'p99-ms', from: 'idle', unit: 'ms', better: 'lower' },
  ],
})
