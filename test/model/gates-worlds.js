// @ts-check
// What the model of gates is asked: worlds in which nothing may go wrong, and what goes wrong in them when one
// rule is taken away.

/**
 * @typedef {import('./gates-state.js').World} World
 * @typedef {import('./gates-state.js').Rules} Rules
 *
 * @typedef {object} Safe
 * @property {string} name
 * @property {string} claim
 * @property {Partial<World>} world
 * @property {Partial<World>} small changes of it that are looked through in seconds
 * @property {Partial<Rules>} [rules]
 *
 * @typedef {object} Broken
 * @property {string} without what was taken away
 * @property {Partial<World>} world
 * @property {Partial<Rules>} rules
 */

/** Jobs in the order in which they were added: A is gate 0. */
const BETWEEN = [[0], [0, 1], [1]]
const TWO = [[0, 1], [0]]
const SMALL = [[0], [0, 1]]

/** @type {readonly Safe[]} */
export const SAFE = [
  {
    name: 'no faults',
    claim: 'every job can end, and none waits until a keeper was silent for too long',
    world: {},
    small: { needs: BETWEEN },
    rules: { keeperTime: false },
  },
  {
    name: 'crashes',
    claim: 'one holder of a gate, one run of a job, and every job can end',
    world: { crashes: 1 },
    small: { needs: TWO, slots: 2 },
  },
  {
    name: 'a plain caller',
    claim: 'the same beside one that waits in the same line, where grants are lost',
    world: { needs: BETWEEN, plain: 1, crashes: 1, losses: 1 },
    small: { needs: TWO },
  },
  {
    name: 'messages',
    claim: 'the same where grants are lost and calls are repeated',
    world: { needs: BETWEEN, plain: 1, losses: 1, repeats: 1 },
    small: { needs: TWO, slots: 2 },
  },
  {
    name: 'pauses',
    claim: 'the same where a worker stands still, loses all that it had, and goes on',
    world: { needs: TWO, slots: 2, pauses: 1 },
    small: { needs: SMALL, slots: 1, losses: 1 },
  },
  {
    name: 'all faults',
    claim: 'the same where all of that happens in one run',
    world: { needs: TWO, slots: 2, plain: 1, crashes: 1, losses: 1, repeats: 1 },
    small: { needs: SMALL, plain: 0 },
  },
]

/** @type {readonly Broken[]} */
export const BROKEN = [
  { without: 'the look', world: { needs: TWO, crashes: 1 }, rules: { look: false } },
  {
    without: 'the time limit of a keeper',
    world: { needs: TWO, crashes: 1 },
    rules: { keeperTime: false },
  },
  {
    without: 'the lease of a worker on its jobs',
    world: { needs: TWO, crashes: 1 },
    rules: { claimLease: false },
  },
  {
    without: 'the lease on a gate',
    world: { needs: TWO, crashes: 1 },
    rules: { lockLease: false },
  },
  {
    without: 'counting leases, who stood still believes in them',
    world: { needs: TWO, pauses: 1 },
    rules: { countsLeases: false },
  },
  {
    without: 'the claim lease of a hand-over',
    world: { needs: TWO, losses: 1 },
    rules: { grantLease: false },
  },
  {
    without: 'giving back what was got before parking',
    world: { needs: [[0, 1], [0, 1], [1]] },
    rules: { givesBack: false },
  },
  {
    without: 'the number of an unpark',
    world: { needs: TWO, repeats: 1 },
    rules: { unparksOnce: false },
  },
  {
    without: 'the number of a park',
    world: { needs: TWO, repeats: 1 },
    rules: { parksOnce: false },
  },
  { without: 'free parking', world: { needs: TWO }, rules: { freeParks: false } },
  {
    without: 'forgetting the keeper of an empty gate, a job waits for its time to be over',
    world: { needs: BETWEEN },
    rules: { forgetsEmpty: false, keeperTime: false },
  },
  {
    without: 'going on when it hears that it is keeper, a job waits for the same',
    world: { needs: TWO, slots: 2 },
    rules: { goesOn: false, keeperTime: false },
  },
]
