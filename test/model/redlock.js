// @ts-check
// Redlock on three nodes, for two clients, as a model: everything that messages, nodes, clocks and
// pauses may do, in any order. Requests and answers that are late or lost, and clients that stand
// still, need no steps of their own: any step may be taken later, or never.
import { stepsOfAttempt } from './redlock-clients.js'
import { keyOf } from './redlock-keys.js'
import { stepsOfNode, tick } from './redlock-nodes.js'
import { ALL_RULES, IDLE, NOBODY, NODES, NOTHING } from './redlock-state.js'

/**
 * @typedef {import('./redlock-state.js').World} World
 * @typedef {import('./redlock-state.js').Rules} Rules
 * @typedef {import('./redlock-state.js').Link} Link
 * @typedef {import('./redlock-state.js').State} State
 * @typedef {import('./redlock-state.js').Scene} Scene
 */

/** @param {World} world @returns {State} */
function begin({ attempts, restarts, counters }) {
  const count = attempts[0] + attempts[1]
  /** @type {Link} */
  const link = { stage: NOTHING, vote: 0, isReleasing: false }
  return {
    attempts: Array.from({ length: count }, () => ({
      ...{ phase: IDLE, ticks: 0, fence: 0, rank: 0, floor: 0, hasWritten: false },
    })),
    nodes: Array.from({ length: NODES }, (_, index) => ({
      ...{ owner: NOBODY, left: 0, young: 0, slack: 0, counter: counters[index] ?? 0 },
      links: Array.from({ length: count }, () => link),
    })),
    ...{ restarts, given: [], seen: 0, wroteLast: 0, problem: null },
  }
}

/**
 * @param {Partial<World>} [world]
 * @param {Partial<Rules>} [changes]
 * @returns {import('./explorer.js').Model<State>}
 */
export function redlockModel(world = {}, changes = {}) {
  /** @type {World} */
  const full = {
    ...{ ttl: 4, drift: 1, anyClocks: false, attempts: [1, 1], restarts: 0, fencesGoOn: true },
    ...{ counters: [0, 0, 0], writes: false, fence: true, ...world },
  }
  const rules = { ...ALL_RULES, ...changes }
  const clients = full.attempts.flatMap((count, client) => Array(count).fill(client))
  const names = clients.map((client, index) => {
    const number = index - clients.indexOf(client) + 1
    return `${'AB'[client]}${full.attempts[client] === 1 ? '' : number}`
  })
  /** @type {Scene} */
  const scene = { world: full, rules, clients, names, spelled: clients.map(() => new WeakMap()) }
  return {
    initial: [begin(full)],
    next: (state) => [
      ...state.attempts.flatMap((_, index) => stepsOfAttempt(scene, state, index)),
      ...state.nodes.flatMap((_, index) => stepsOfNode(scene, state, index)),
      ...tick(scene, state),
    ],
    keyOf: (state) => keyOf(state, scene),
    problemOf: ({ problem }) => problem,
  }
}
