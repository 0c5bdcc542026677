// @ts-check
// Queues without a server. plainjob, the one peer that does this, needs better-sqlite3, which is
// compiled while it is installed, in some two minutes: where that fails it is left out.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'queue-sqlite',
  work: 'no-op jobs of 200 bytes, added before, at concurrency 100; 1,000 added a call',
  one: 'job',
  unit: 'jobs/s',
  engine: 'sqlite',
  peers: ['plainjob'],
  rounds: { full: 5, quick: 2 },
  full: { concurrency: 100 },
  quick: {},
  cases: [
    ...['memory', 'file-normal', 'file-full'].map((store) => ({
      name: store,
      task: { store, warmUpJobs: 20_000, jobs: 30_000 },
      quick: { warmUpJobs: 2_000, jobs: 8_000 },
    })),
    {
      name: 'add-file-normal',
      task: { store: 'file-normal', add: true, warmUpJobs: 10_000, jobs: 50_000 },
      quick: { warmUpJobs: 3_000, jobs: 10_000 },
    },
  ],
})
