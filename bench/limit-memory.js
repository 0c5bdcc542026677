// @ts-check
// What the server keeps for a key that is limited.
import { runBench } from './kit/bench.js'

/** @param {string} name */
const bytes = (name) => ({ name, from: name, better: /** @type {const} */ ('lower'), unit: 'B' })

await runBench({
  name: 'limit-memory',
  work: 'bytes that the server needs more for each key, its TTL and its place in the tables of keys included; the key on the server has 40 bytes',
  one: 'key',
  unit: 'B',
  peers: ['rate-limiter-flexible'],
  full: {},
  quick: {},
  rounds: { full: 3, quick: 1 },
  cases: [
    { name: 'funnel', task: { kind: 'funnel', keys: 120_000 }, cpu: false },
    { name: 'sliding-counter', task: { kind: 'sliding-counter', keys: 120_000 }, cpu: false },
    { name: 'sliding-log-100', task: { kind: 'sliding-log-100', keys: 4_000 }, cpu: false },
    { name: 'sliding-log-1000', task: { kind: 'sliding-log-1000', keys: 1_000 }, cpu: false },
  ],
  figures: [
    ...[bytes('funnel'), bytes('sliding-counter')],
    ...[bytes('sliding-log-100'), bytes('sliding-log-1000')],
  ],
})
