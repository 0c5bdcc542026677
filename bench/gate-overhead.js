// @ts-check
// What a lock of its own for each job costs where nobody else wants it.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'gate-overhead',
  work: 'no-op jobs of 200 bytes, added before, by one worker at concurrency 100: without gates, then with a lock of its own for each job',
  one: 'job with a lock',
  unit: 'jobs/s',
  peers: [],
  full: { concurrency: 100 },
  quick: {},
  cases: [
    {
      name: 'overhead',
      task: { warmUpJobs: 40_000, jobs: 40_000 },
      quick: { warmUpJobs: 5_000, jobs: 10_000 },
    },
  ],
  figures: [
    { name: 'gated-vs-plain', from: 'overhead', unit: 'of the speed without', better: 'higher' },
    { name: 'cpu-ratio', from: 'overhead', unit: "jobs for the client's CPU", better: 'higher' },
    { name: 'gated', from: 'overhead', unit: 'jobs/s', better: 'higher' },
    { name: 'plain', from: 'overhead', unit: 'jobs/s', better: 'higher' },
  ],
})
