// @ts-check
// How fast one worker process gets through jobs that are waiting and do nothing.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-process',
  work: 'no-op jobs of 200 bytes, added before, by one worker in one process; every job once',
  one: 'job',
  unit: 'jobs/s',
  peers: ['bullmq', 'bull', 'bee-queue', 'groupmq', 'platformatic-job-queue'],
  full: {},
  quick: {},
  // A worker runs for days: what is measured is compiled code. Of 3,000 jobs the fastest is through
  // in 30 ms, in which nothing has been compiled. All of them get the same warm-up.
  cases: [
    {
      name: 'c1',
      task: { concurrency: 1, warmUpJobs: 5_000, jobs: 5_000 },
      quick: { warmUpJobs: 100, jobs: 300 },
    },
    {
      name: 'c10',
      task: { concurrency: 10, warmUpJobs: 15_000, jobs: 15_000 },
      quick: { warmUpJobs: 300, jobs: 1_000 },
    },
    {
      name: 'c100',
      task: { concurrency: 100, warmUpJobs: 40_000, jobs: 40_000 },
      quick: { warmUpJobs: 600, jobs: 3_000 },
    },
  ],
})
