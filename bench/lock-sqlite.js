// @ts-check
// Locks without a server: in memory, and in a file that several processes share.
import { runBench } from './kit/bench.js'

/** @param {string} name @param {'higher' | 'lower'} better @param {string} unit */
const own = (name, better, unit) => ({ name, from: name, better, unit })

await runBench({
  name: 'lock-sqlite',
  work: 'acquire and release of distinct names, 100 in flight; 4 processes for one name, 1 ms of work',
  one: 'pair',
  unit: 'pairs/s',
  engine: 'sqlite',
  peers: [],
  full: { inFlight: 100, warmUpMs: 600, durationMs: 1_500 },
  quick: { warmUpMs: 300, durationMs: 700 },
  cases: [
    { name: 'memory', task: { store: 'memory' } },
    { name: 'file-full', task: { store: 'file-full' } },
    { name: 'file-normal', task: { store: 'file-normal' } },
    {
      name: 'contended-p99-ms',
      task: { processes: 4, rounds: 250, warmUpRounds: 50, holdMs: 1, limitMs: 30_000 },
      quick: { rounds: 100, warmUpRounds: 20 },
      cpu: false,
    },
  ],
  figures: [
    own('memory', 'higher', 'pairs/s'),
    own('file-full', 'higher', 'pairs/s'),
    own('file-normal', 'higher', 'pairs/s'),
    own('contended-p99-ms', 'lower', 'ms'),
  ],
})
