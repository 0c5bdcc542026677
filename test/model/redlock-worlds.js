// @ts-check
// What the model of Redlock is asked: worlds in which nothing may go wrong, and what goes wrong in
// them when one rule is taken away.

/**
 * @typedef {import('./redlock-state.js').World} World
 * @typedef {import('./redlock-state.js').Rules} Rules
 *
 * @typedef {object} Safe
 * @property {string} name
 * @property {string} claim
 * @property {Partial<World>} world
 * @property {Partial<World>} small changes of it that are looked through in seconds
 *
 * @typedef {object} Broken
 * @property {string} without what was taken away
 * @property {Partial<World>} world
 * @property {Partial<Rules>} rules
 */

/** Counters as nodes have them whose clocks are far apart. */
const APART = [3, 0, 3]

/** @type {readonly Safe[]} */
export const SAFE = [
  {
    name: 'votes',
    claim: 'two never hold it at once, without a fence; nodes lose their data',
    world: { ttl: 4, drift: 1, fence: false, restarts: 1 },
    small: { ttl: 2 },
  },
  {
    name: 'fences',
    claim: 'two never hold it at once, and every grant has a higher fence than the one before',
    world: { ttl: 3, drift: 1 },
    small: { ttl: 2, drift: 0 },
  },
  {
    name: 'clocks',
    claim: 'whatever clocks do: no fence twice, and a higher one for who asks after a grant',
    world: { anyClocks: true, counters: APART },
    small: {},
  },
  {
    name: 'writes',
    claim: 'no write of one that stood still is taken after that of a later holder',
    world: { ttl: 3, drift: 1, writes: true },
    small: { ttl: 2, drift: 0 },
  },
]

/** @type {readonly Broken[]} */
export const BROKEN = [
  { without: 'the drift', world: { ttl: 3, fence: false }, rules: { drift: false } },
  {
    without: 'the time that the votes took',
    world: { ttl: 3, fence: false },
    rules: { elapsed: false },
  },
  {
    without: 'the refusal of a lease that is over',
    world: { ttl: 3, fence: false },
    rules: { minimum: false },
  },
  {
    without: 'another look at the time after the fence',
    world: { ttl: 2, drift: 0 },
    rules: { again: false },
  },
  {
    without: 'the write-back of the fence',
    world: { anyClocks: true, counters: [3, 0, 0] },
    rules: { writeBack: false },
  },
  {
    without: 'the owner in the write-back',
    world: { anyClocks: true, counters: APART },
    rules: { ownerCheck: false },
  },
  {
    without: 'the delayed restart',
    world: { ttl: 3, fence: false, restarts: 1 },
    rules: { delayedRestart: false },
  },
  {
    without: 'the fence at what the lock protects',
    world: { ttl: 2, drift: 0, writes: true },
    rules: { guard: false },
  },
  {
    // No rule helps here: it is the limit that the guide tells.
    without: 'the fences of a node, and with its clock behind them',
    world: { anyClocks: true, restarts: 1, fencesGoOn: false },
    rules: {},
  },
]
