// @ts-check
// Jobs that need a lock each, beside what one does for that without Sluice.
import { runBench } from './kit/bench.js'

// Which delay is best depends on the machine: the best of the three counts.
await runBench({
  name: 'gate-recipe',
  work: '2,000 jobs (quick: 500) in line, each of one of 10 keys at random, 5 ms of work, one at a time for each key; 2 worker processes of concurrency 10',
  one: 'job',
  unit: 'ms',
  peers: ['bullmq-redlock:5ms', 'bullmq-redlock:10ms', 'bullmq-redlock:25ms', 'groupmq'],
  rounds: { full: 3, quick: 1 },
  full: { processes: 2, concurrency: 10, workMs: 5, jobs: 2_000 },
  quick: { jobs: 500 },
  cases: [
    {
      name: 'time',
      task: { kind: 'time', warmUpJobs: 3_000 },
      quick: { warmUpJobs: 500 },
    },
    {
      name: 'commands',
      task: { kind: 'commands', warmUpJobs: 200 },
      cpu: false,
    },
  ],
  figures: [
    { name: 'total', from: 'time', unit: 'ms', better: 'lower' },
    { name: 'commands', from: 'commands', unit: 'commands/job', better: 'lower' },
    { name: 'wasted', from: 'time', unit: 'deliveries/job', better: 'lower' },
  ],
})
