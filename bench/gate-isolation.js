// @ts-check
// Whether jobs that wait for a lock slow down those of their queue that need none.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'gate-isolation',
  work: 'no-op jobs of 200 bytes without gates at concurrency 100, before and after 100,000 (quick: 10,000) jobs of the queue are parked behind a lock that somebody holds',
  one: 'job',
  unit: 'jobs/s',
  peers: [],
  rounds: { full: 5, quick: 1 },
  full: { concurrency: 100, warmUpJobs: 40_000 },
  quick: { warmUpJobs: 5_000 },
  cases: [
    {
      name: 'isolation',
      task: { parked: 100_000, jobs: 100_000 },
      quick: { parked: 10_000, jobs: 20_000 },
    },
  ],
  figures: [
    { name: 'throughput-ratio', from: 'isolation', unit: 'of that before', better: 'higher' },
    { name: 'cpu-ratio', from: 'isolation', unit: 'jobs for as much CPU', better: 'higher' },
    { name: 'beside-parked', from: 'isolation', unit: 'jobs/s', better: 'higher' },
    { name: 'before', from: 'isolation', unit: 'jobs/s', better: 'higher' },
    { name: 'parking', from: 'isolation', unit: 'jobs/s', better: 'higher' },
  ],
})
