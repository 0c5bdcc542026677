// @ts-check
// What the model of gates knows of two workers, three jobs, two gates and one plain holder.

/**
 * @typedef {object} World
 * @property {readonly number[][]} needs the gates of each job, in the order in which they are asked for
 * @property {number} slots jobs that a worker has at a time
 * @property {number} plain how often a plain caller asks for the first gate
 * @property {number} crashes of a worker, for good
 * @property {number} pauses of a worker that are longer than all its leases
 * @property {number} losses of a message that says who was let in
 * @property {number} repeats of a call whose answer was lost
 */

/**
 * What may be taken away, to see what it is for.
 * @typedef {object} Rules
 * @property {boolean} look exchanges are told of gates without a keeper
 * @property {boolean} claimLease jobs of a worker that is silent come back
 * @property {boolean} lockLease who is silent loses the gate that it holds
 * @property {boolean} grantLease who was let in and does not come loses the gate
 * @property {boolean} countsLeases who stood still for longer than its leases knows that
 * @property {boolean} keeperTime who is silent is keeper no more
 * @property {boolean} givesBack what a job has got is given back before it is parked
 * @property {boolean} unparksOnce an unpark that is repeated answers the same job
 * @property {boolean} parksOnce a park that is repeated changes nothing
 * @property {boolean} freeParks parking spends no attempt
 * @property {boolean} forgetsEmpty a gate has no keeper when nothing is left behind it
 * @property {boolean} goesOn who hears that it is keeper while it unparks the last one goes on afterwards
 */

/**
 * @typedef {object} State
 * @property {number[]} places of each job, by the store
 * @property {number[]} phases of each delivery, a row of jobs for each worker
 * @property {number[]} passes that a delivery believes to hold, a bit for each gate
 * @property {number[]} keeping what a worker does as keeper, a row of gates for each
 * @property {number[]} calls about being keeper, on their way
 * @property {boolean[]} alive
 * @property {number[]} keepers of each gate, by the store
 * @property {number[]} holders
 * @property {number[]} news what the holder knows of it
 * @property {number[][]} lines of those who wait
 * @property {number} plain
 * @property {Late | null} late a park that comes after all others
 * @property {{plain: number, crashes: number, pauses: number, losses: number, repeats: number}} left
 * @property {string | null} problem
 */

/**
 * @typedef {object} Late
 * @property {number} job
 * @property {number} gate
 * @property {number} place where the job has to be
 * @property {number} keeper
 */

/** @typedef {import('./explorer.js').Step<State>} Step */
/** @typedef {{world: World, rules: Rules}} Scene */

/** @type {Rules} */
export const ALL_RULES = {
  ...{ look: true, claimLease: true, lockLease: true, grantLease: true, countsLeases: true },
  ...{ keeperTime: true, givesBack: true, unparksOnce: true, parksOnce: true, freeParks: true },
  ...{ forgetsEmpty: true, goesOn: true },
}

export const WORKERS = [0, 1]
export const JOBS = [0, 1, 2]
export const GATES = [0, 1]

// Where a job is. OVER: in flight in an epoch that is over.
export const [READY, DONE, OVER, BEHIND, HELD] = [0, 1, 2, 3, 5]
// What a delivery does; those of a gate have one number for each.
export const [NONE, CLAIMED, ASKS, PARKS, KEEPS, DROPPED, RUNS, SETTLES] = [
  0, 1, 2, 4, 6, 8, 10, 11,
]
// What a keeper does. GOT has a number for each job. MORE is added where it goes on afterwards.
export const [STANDS, UNPARKS, EMPTY, GOT, MORE] = [1, 2, 3, 4, 8]
// What is on its way about being keeper.
export const [TOLD, IS_KEEPER, IS_NOT, YIELDS] = [1, 2, 3, 4]
// Who is keeper, besides workers from 1 on.
export const [NOBODY, DEAD_KEEPER] = [0, 3]
// What the holder knows of it. ANSWER and GRANT are on their way; only a GRANT can be lost.
export const [KNOWN, ANSWER, GRANT, LOST] = [0, 1, 2, 3]
// What the plain caller does.
export const [OUT, WAITS, HOLDS] = [0, 1, 2]

// Who holds or waits: a worker for one of its jobs, as keeper, or no more; the plain caller; one that is silent.
export const [KEEPER, LEAVING] = [3, 4]
export const [PLAIN, GONE, FREE] = [16, 17, 18]
/** @param {number} worker @param {number} role */
export const ownerOf = (worker, role) => worker * 8 + role
/** @param {number} owner @param {number} worker */
export const isOf = (owner, worker) => owner >> 3 === worker

export const workerName = (/** @type {number} */ worker) => `W${worker + 1}`
export const jobName = (/** @type {number} */ job) => `job ${job + 1}`
export const gateName = (/** @type {number} */ gate) => 'AB'[gate] ?? ''

/** @param {number} worker @param {number} job */
export const delivery = (worker, job) => worker * JOBS.length + job
/** @param {number} worker @param {number} gate */
export const post = (worker, gate) => worker * GATES.length + gate

/** One to be changed. @param {State} state @returns {State} */
export const copyOf = (state) => ({
  places: state.places.slice(),
  phases: state.phases.slice(),
  passes: state.passes.slice(),
  keeping: state.keeping.slice(),
  calls: state.calls.slice(),
  alive: state.alive,
  keepers: state.keepers.slice(),
  holders: state.holders.slice(),
  news: state.news.slice(),
  lines: state.lines.slice(),
  plain: state.plain,
  late: state.late,
  left: state.left,
  problem: null,
})

/** @param {State} state @param {string} label @param {(next: State) => void} change @returns {Step} */
export function step(state, label, change) {
  const next = copyOf(state)
  change(next)
  return { label, state: next }
}

/** The first job behind a gate. @param {State} state @param {number} gate */
export const firstBehind = ({ places }, gate) => places.indexOf(BEHIND + gate)

/** @param {Scene} scene @param {State} state @param {number} worker */
export function hasRoom({ world }, { phases, keeping }, worker) {
  let busy = 0
  for (const job of JOBS) {
    const phase = phases[delivery(worker, job)] ?? NONE
    if (phase !== NONE && phase !== SETTLES) busy++
  }
  for (const gate of GATES) if ((keeping[post(worker, gate)] ?? NONE) >= UNPARKS) busy++
  return busy < world.slots
}
