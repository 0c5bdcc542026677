// @ts-check
// Jobs that need gates: two workers, a queue that parks, and the lines of two locks. Every call reaches a store
// in one step, and its answer the worker in another.
import { stepsOfDeliveries } from './gates-deliveries.js'
import { faultsOf, stepsOfTime } from './gates-faults.js'
import { stepsOfKeepers } from './gates-keepers.js'
import { keyOf } from './gates-keys.js'
import { stepsOfLines } from './gates-line.js'
import {
  ALL_RULES,
  DONE,
  delivery,
  FREE,
  GATES,
  gateName,
  HELD,
  HOLDS,
  JOBS,
  jobName,
  KEEPER,
  KNOWN,
  NOBODY,
  NONE,
  OUT,
  ownerOf,
  PLAIN,
  post,
  READY,
  RUNS,
  UNPARKS,
  WORKERS,
  workerName,
} from './gates-state.js'

/**
 * @typedef {import('./gates-state.js').World} World
 * @typedef {import('./gates-state.js').Rules} Rules
 * @typedef {import('./gates-state.js').State} State
 * @typedef {import('./gates-state.js').Scene} Scene
 */

/** @param {World} world @returns {State} */
const begin = ({ needs, plain, crashes, pauses, losses, repeats }) => ({
  places: JOBS.map((job) => (needs[job] ? READY : DONE)),
  phases: WORKERS.flatMap(() => JOBS.map(() => NONE)),
  passes: WORKERS.flatMap(() => JOBS.map(() => 0)),
  keeping: WORKERS.flatMap(() => GATES.map(() => NONE)),
  calls: WORKERS.flatMap(() => GATES.map(() => NONE)),
  alive: WORKERS.map(() => true),
  keepers: GATES.map(() => NOBODY),
  holders: GATES.map(() => FREE),
  news: GATES.map(() => KNOWN),
  lines: GATES.map(() => []),
  ...{ plain: OUT, late: null, left: { plain, crashes, pauses, losses, repeats }, problem: null },
})

/**
 * @param {Partial<World>} [world]
 * @param {Partial<Rules>} [changes]
 * @returns {import('./explorer.js').Model<State>}
 */
export function gatesModel(world = {}, changes = {}) {
  /** @type {Scene} */
  const scene = {
    world: {
      ...{ needs: [[0, 1], [0], [1]], slots: 1, plain: 0 },
      ...{ crashes: 0, pauses: 0, losses: 0, repeats: 0, ...world },
    },
    rules: { ...ALL_RULES, ...changes },
  }
  return {
    initial: [begin(scene.world)],
    next: (state) => [
      ...WORKERS.filter((worker) => state.alive[worker]).flatMap((worker) => [
        ...stepsOfDeliveries(scene, state, worker),
        ...stepsOfKeepers(scene, state, worker),
        ...faultsOf(scene, state, worker),
      ]),
      ...stepsOfLines(scene, state),
      ...stepsOfTime(scene, state),
    ],
    keyOf,
    problemOf: (state) => state.problem ?? twoHolders(state) ?? elsewhere(state),
    goal: {
      isReached: ({ places }) => places.every((place) => place === DONE),
      missed: 'nothing leads to the end of all jobs any more',
    },
  }
}

/** What a worker believes to hold is its own by the store, so two never believe it. @param {State} state */
function twoHolders({ holders, passes, keeping, plain }) {
  for (const gate of GATES) {
    const owners = plain === HOLDS && gate === 0 ? [PLAIN] : []
    for (const worker of WORKERS) {
      const who = [...JOBS.filter((job) => ((passes[delivery(worker, job)] ?? 0) >> gate) & 1)]
      if ((keeping[post(worker, gate)] ?? NONE) >= UNPARKS) who.push(KEEPER)
      owners.push(...who.map((role) => ownerOf(worker, role)))
    }
    if (owners.length > 1) return `${gateName(gate)} has two holders`
    if (owners[0] !== undefined && owners[0] !== holders[gate]) {
      return `who believes to hold ${gateName(gate)} does not`
    }
  }
  return null
}

/** @param {State} state */
function elsewhere({ phases, places }) {
  for (const worker of WORKERS) {
    for (const job of JOBS) {
      if (phases[delivery(worker, job)] === RUNS && places[job] !== HELD + worker) {
        return `${workerName(worker)} runs ${jobName(job)}, which is not in flight there`
      }
    }
  }
  return null
}
