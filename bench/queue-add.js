// @ts-check
// How fast one process adds jobs, one by one and many a call.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-add',
  work: 'jobs of 200 bytes, added by one process: 100 calls of one job in flight, or one call of 1,000',
  one: 'job',
  unit: 'jobs/s',
  peers: ['bullmq', 'bull', 'bee-queue', 'groupmq', 'platformatic-job-queue'],
  full: { warmUpMs: 2_000, durationMs: 2_000 },
  quick: { warmUpMs: 200, durationMs: 500 },
  cases: [
    { name: 'one-by-one', task: { inFlight: 100, jobsPerCall: 1 } },
    { name: 'bulk', task: { inFlight: 1, jobsPerCall: 1_000 } },
  ],
})
