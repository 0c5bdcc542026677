// @ts-check
// How long a lock that is given up lies free before the handler of a parked job begins, and what
// that job costs from its claim to its end.
import { runBench } from './kit/bench.js'

await runBench({
  name: 'gate-handover',
  work: '2 worker processes, and in a third one callers that hold the locks; commands of jobs that are parked for 10 s (quick: 2 s): 1,000 of one lock, 200 with a lock of their own each',
  one: 'job',
  unit: 'ms',
  peers: [],
  rounds: { full: 3, quick: 1 },
  full: { processes: 2 },
  quick: {},
  cases: [
    {
      name: 'turns',
      task: { kind: 'turns', warmUpJobs: 4_000, jobs: 2_000, workMs: 1, holdMs: 1, pauseMs: 3 },
      quick: { warmUpJobs: 500, jobs: 500 },
    },
    {
      name: 'one-lock',
      task: { kind: 'parked', jobs: 1_000, locks: 1, parkedMs: 10_000 },
      quick: { parkedMs: 2_000 },
      cpu: false,
    },
    {
      name: 'own-locks',
      task: { kind: 'parked', jobs: 200, locks: 200, parkedMs: 10_000 },
      quick: { parkedMs: 2_000 },
      cpu: false,
    },
  ],
  figures: [
    { name: 'after-caller-p50-ms', from: 'turns', unit: 'ms', better: 'lower' },
    { name: 'after-caller-p99-ms', from: 'turns', unit: 'ms', better: 'lower' },
    { name: 'after-job-p50-ms', from: 'turns', unit: 'ms', better: 'lower' },
    { name: 'after-job-p99-ms', from: 'turns', unit: 'ms', better: 'lower' },
    { name: 'one-lock-commands', from: 'one-lock', unit: 'commands/job', better: 'lower' },
    { name: 'own-locks-commands', from: 'own-locks', unit: 'commands/job', better: 'lower' },
    { name: 'own-locks-waiting', from: 'own-locks', unit: 'commands/s a lock', better: 'lower' },
  ],
})
