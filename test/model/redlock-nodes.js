// @ts-check
// What a node, and time, may do next.
import {
  ASKED,
  ASKING,
  changeLink,
  changeNode,
  FENCING,
  HOLDING,
  mayTake,
  NOBODY,
  NOTHING,
  OVER,
  PAST,
  VOTED,
  WRITTEN,
} from './redlock-state.js'

/**
 * @typedef {import('./redlock-state.js').Link} Link
 * @typedef {import('./redlock-state.js').Node} Node
 * @typedef {import('./redlock-state.js').Attempt} Attempt
 * @typedef {import('./redlock-state.js').State} State
 * @typedef {import('./redlock-state.js').Step} Step
 * @typedef {import('./redlock-state.js').Scene} Scene
 */

/** @param {Scene} scene @param {State} state @param {number} index @returns {Step[]} */
export function stepsOfNode(scene, state, index) {
  const { world, rules, names } = scene
  const node = /** @type {Node} */ (state.nodes[index])
  const at = `node ${index + 1}`
  const free = { owner: NOBODY, left: 0, slack: 0 }
  /** @type {Step[]} */
  const steps = []
  /** @param {string} label @param {Partial<Node>} change */
  const step = (label, change) => steps.push({ label, state: changeNode(state, index, change) })
  for (const [attempt, { stage, isReleasing }] of node.links.entries()) {
    const name = names[attempt]
    if (stage === ASKED && node.owner === NOBODY && node.young === 0) {
      const counter = node.counter + 1
      const links = changeLink(
        node,
        attempt,
        answered(state, attempt, { stage: VOTED, vote: counter }),
      )
      const lease = { owner: attempt, left: world.anyClocks ? 1 : world.ttl, slack: world.drift }
      step(`${at} votes for ${name}, counter ${counter}`, { ...lease, counter, links })
    }
    if (mayTake(scene, node, attempt)) {
      const { fence } = /** @type {Attempt} */ (state.attempts[attempt])
      const links = changeLink(node, attempt, answered(state, attempt, { stage: WRITTEN, vote: 0 }))
      step(`${at} takes fence ${fence} of ${name}`, {
        counter: Math.max(node.counter, fence),
        links,
      })
    }
    if (isReleasing && node.owner === attempt) {
      step(`${at} is released by ${name}`, {
        ...free,
        links: changeLink(node, attempt, { isReleasing: false }),
      })
    }
  }
  if (state.restarts > 0) {
    const young = rules.delayedRestart && !world.anyClocks ? world.ttl : 0
    const counter = world.fencesGoOn ? node.counter : 0
    const empty = { ...free, young, slack: young > 0 ? world.drift : 0, counter }
    steps.push({
      label: `${at} comes back without its data`,
      state: { ...changeNode(state, index, empty), restarts: state.restarts - 1 },
    })
  }
  if (world.anyClocks) {
    if (node.left > 0) step(`the lease on ${at} ends by its clock`, free)
  } else if (node.slack > 0) {
    step(`the clock of ${at} gains a tick`, run({ ...node, slack: node.slack - 1 }))
  }
  return steps
}

/** Whoever gave up hears no answer. @param {State} state @param {number} attempt @param {Partial<Link>} link @returns {Partial<Link>} */
const answered = (state, attempt, link) =>
  state.attempts[attempt]?.phase === OVER ? { stage: NOTHING, vote: 0 } : link

/** One tick of a node's own clock. @param {Node} node @returns {Node} */
function run(node) {
  const left = Math.max(0, node.left - 1)
  const young = Math.max(0, node.young - 1)
  const isAtRest = left === 0 && young === 0
  return {
    ...node,
    left,
    young,
    owner: left > 0 ? node.owner : NOBODY,
    slack: isAtRest ? 0 : node.slack,
  }
}

/** @param {Scene} scene @param {State} state @returns {Step[]} */
export function tick({ world, rules }, state) {
  if (world.anyClocks) return []
  /** @param {Attempt} attempt @returns {Attempt} */
  const older = (attempt) => {
    const { phase, ticks } = attempt
    // What it found before the fence is believed then, however long that takes.
    if (phase === FENCING && !rules.again) return attempt
    if (phase === ASKING || phase === FENCING) {
      return { ...attempt, ticks: Math.min(ticks + 1, world.ttl) }
    }
    if (phase !== HOLDING) return attempt
    return ticks > 1 ? { ...attempt, ticks: ticks - 1 } : { ...attempt, ticks: 0, phase: PAST }
  }
  const later = { ...state, attempts: state.attempts.map(older), nodes: state.nodes.map(run) }
  return [{ label: 'a tick passes', state: later }]
}
