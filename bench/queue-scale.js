// @ts-check
// Whether a queue gets slower with what waits in it.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-scale',
  work: 'no-op jobs of 200 bytes at concurrency 100 with 1,000,000 waiting (quick: 100,000), then with 1,000; the slowest script of both',
  one: 'job',
  unit: 'jobs/s',
  peers: [],
  rounds: { full: 3, quick: 1 },
  full: { concurrency: 100, few: 1_000 },
  quick: {},
  cases: [
    {
      name: 'scale',
      task: { many: 1_000_000, warmUpJobs: 10_000, jobs: 50_000 },
      quick: { many: 100_000, warmUpJobs: 5_000, jobs: 20_000 },
    },
  ],
  figures: [
    { name: 'throughput-ratio', from: 'scale', unit: 'of that with 1,000', better: 'higher' },
    { name: 'script-max-ms', from: 'scale', unit: 'ms', better: 'lower' },
  ],
})
