// @ts-check
// What happens when many processes want one lock: how fast it goes around, how long who waits
// longest waits, and what handing over and waiting cost.
import { runBench } from './kit/bench.js'

// Tuned means: of pauses of 1, 2, 3, 5, 10, 20, 40 and 80 ms, the one with the best `total`. Shorter
// ones only keep the processors busy. So many tries that none gives up.
const peers = ['redlock4', 'redlock5', 'sesamecare-redlock', 'redlock-universal', 'redis-semaphore']

await runBench({
  name: 'lock-contended',
  work: '5 processes x 10 contenders for one lock, 1 ms of work, each asks again at once when it has released',
  one: 'acquisition',
  unit: 'acquisitions/s',
  peers: peers.flatMap((peer) => [`${peer}:tuned`, `${peer}:defaults`]),
  rounds: { full: 3, quick: 1 },
  full: { processes: 5, contenders: 10, holdMs: 1 },
  quick: {},
  // Waiting ends the processes. What is timed was used before: a service runs for days, and code that ran
  // a hundred times is up to twenty times as slow as compiled code. All are warmed up alike.
  cases: [
    {
      name: 'commands',
      task: { kind: 'commands', acquisitions: 500, warmUpRounds: 0, limitMs: 8_000 },
      quick: { acquisitions: 100, limitMs: 800 },
      cpu: false,
    },
    {
      name: 'contend',
      task: { kind: 'contend', acquisitions: 500, warmUpRounds: 60, limitMs: 10_000 },
      quick: { acquisitions: 150, warmUpRounds: 10, limitMs: 1_200 },
    },
    {
      name: 'waiting',
      task: { kind: 'waiting', periods: 10, shortestMs: 1_000 },
      quick: { periods: 5, shortestMs: 500 },
      cpu: false,
    },
  ],
  figures: [
    { name: 'total', from: 'contend', unit: 'ms', better: 'lower' },
    { name: 'wait-p99', from: 'contend', unit: 'ms', better: 'lower' },
    { name: 'handover-p50-ms', from: 'contend', unit: 'ms', better: 'lower' },
    { name: 'handover-p99-ms', from: 'contend', unit: 'ms', better: 'lower' },
    { name: 'handover-commands', from: 'commands', unit: 'commands', better: 'lower' },
    { name: 'waiting-commands-per-second', from: 'waiting', unit: 'commands/s', better: 'lower' },
  ],
})
