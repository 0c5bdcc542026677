// @ts-check
// What a client may do next: ask, conclude, write its fence back, hold, write, give up.
import {
  ASKED,
  ASKING,
  changeAttempt,
  changeLinks,
  FENCING,
  HOLDING,
  IDLE,
  MAJORITY,
  NOTHING,
  nodesAt,
  OVER,
  PAST,
  VOTED,
  WRITING,
  WRITTEN,
} from './redlock-state.js'

/**
 * @typedef {import('./redlock-state.js').Attempt} Attempt
 * @typedef {import('./redlock-state.js').State} State
 * @typedef {import('./redlock-state.js').Step} Step
 * @typedef {import('./redlock-state.js').Scene} Scene
 */

/** Every majority of the nodes that have answered so. @param {readonly number[]} nodes @returns {number[][]} */
function majorities(nodes) {
  const pairs = nodes.flatMap((one, at) => nodes.slice(at + 1).map((other) => [one, other]))
  return nodes.length > MAJORITY ? [...pairs, [...nodes]] : pairs
}

/** @param {Scene} scene @param {State} state @param {number} index @returns {Step[]} */
export function stepsOfAttempt(scene, state, index) {
  const { clients, names } = scene
  const attempt = /** @type {Attempt} */ (state.attempts[index])
  const name = names[index]
  if (attempt.phase === IDLE) {
    const before = index > 0 && clients[index - 1] === clients[index] && state.attempts[index - 1]
    if (before && before.phase !== OVER) return []
    const asked = changeAttempt(state, index, { phase: ASKING, floor: Math.max(0, ...state.given) })
    return [
      {
        label: `${name} asks all nodes`,
        state: changeLinks(asked, index, () => ({ stage: ASKED })),
      },
    ]
  }
  if (attempt.phase === OVER) return []
  const isHeld = attempt.phase === HOLDING || attempt.phase === PAST
  const ended = changeAttempt(state, index, { phase: OVER, ticks: 0 })
  // What is on its way may still arrive; no answer to it is heard any more.
  const released = changeLinks(ended, index, ({ stage }) => ({
    ...{ isReleasing: true, vote: 0 },
    stage: stage === ASKED || stage === WRITING ? stage : NOTHING,
  }))
  return [
    ...(attempt.phase === ASKING ? conclude(scene, state, index) : []),
    ...(attempt.phase === FENCING ? fenced(scene, state, index) : []),
    ...(isHeld && scene.world.writes && !attempt.hasWritten ? write(scene, state, index) : []),
    { label: `${name} ${isHeld ? 'releases' : 'gives up'}`, state: released },
  ]
}

/** What would be left of its lease. @param {Scene} scene @param {Attempt} attempt */
const leftOf = ({ world: { ttl, drift, anyClocks }, rules }, { ticks }) =>
  // Without clocks that can be trusted there is nothing to count.
  anyClocks ? 1 : ttl - (rules.elapsed ? ticks : 0) - (rules.drift ? drift : 0)

/** A majority has voted. @param {Scene} scene @param {State} state @param {number} index @returns {Step[]} */
function conclude(scene, state, index) {
  const attempt = /** @type {Attempt} */ (state.attempts[index])
  if (scene.rules.minimum && leftOf(scene, attempt) <= 0) return []
  return majorities(nodesAt(state, index, VOTED)).map((voters) => {
    const votes = voters.map((node) => state.nodes[node]?.links[index]?.vote ?? 0)
    const fence = scene.world.fence ? Math.max(...votes) + 1 : 0
    const who = `${scene.names[index]} has the votes of nodes ${voters.map((one) => one + 1).join(' and ')}`
    if (!scene.rules.writeBack || !scene.world.fence) return grant(scene, state, index, fence, who)
    const fencing = changeAttempt(state, index, { phase: FENCING, fence })
    return {
      label: `${who}, and writes fence ${fence} back`,
      state: changeLinks(fencing, index, ({ stage }, node) => ({
        vote: 0,
        stage: voters.includes(node) ? WRITING : stage === ASKED ? ASKED : NOTHING,
      })),
    }
  })
}

/** A majority has taken the fence. @param {Scene} scene @param {State} state @param {number} index @returns {Step[]} */
function fenced(scene, state, index) {
  const attempt = /** @type {Attempt} */ (state.attempts[index])
  if (scene.rules.minimum && leftOf(scene, attempt) <= 0) return []
  if (nodesAt(state, index, WRITTEN).length < MAJORITY) return []
  return [
    grant(scene, state, index, attempt.fence, `${scene.names[index]} has its fence on a majority`),
  ]
}

/** @param {Scene} scene @param {State} state @param {number} index @param {number} fence @param {string} why @returns {Step} */
function grant(scene, state, index, fence, why) {
  const attempt = /** @type {Attempt} */ (state.attempts[index])
  const ticks = leftOf(scene, attempt)
  const name = scene.names[index]
  const other = state.attempts.findIndex(({ phase }) => phase === HOLDING)
  const rank = state.given.length + 1
  const held = changeAttempt(state, index, { phase: HOLDING, ticks, fence, rank })
  // Clocks that cannot be trusted let two be granted side by side, in either order.
  const { anyClocks } = scene.world
  const before = anyClocks ? attempt.floor : Math.max(0, ...state.given)
  let problem = null
  if (scene.world.fence) {
    if (fence <= before) problem = `${name} got fence ${fence} after ${before}`
    else if (state.given.includes(fence)) problem = `fence ${fence} was given twice`
  }
  if (ticks <= 0) problem = `${name} got a lease that is over`
  if (!anyClocks && other >= 0) problem = `${scene.names[other]} and ${name} hold it at once`
  const length = anyClocks ? '' : ` for ${ticks}`
  const number = scene.world.fence ? ` with fence ${fence}` : ''
  return {
    label: `${why}, and holds it${length}${number}`,
    state: { ...held, given: [...state.given, fence].sort((a, b) => a - b), problem },
  }
}

/** Also when its lease is over: it may have stood still since it last looked. @param {Scene} scene @param {State} state @param {number} index @returns {Step[]} */
function write(scene, state, index) {
  const { fence, rank, phase } = /** @type {Attempt} */ (state.attempts[index])
  const name = scene.names[index]
  const late = phase === PAST ? ', after its lease' : ''
  const wrote = changeAttempt(state, index, { hasWritten: true })
  if (scene.rules.guard && fence < state.seen) {
    return [{ label: `${name} is refused a write with fence ${fence}${late}`, state: wrote }]
  }
  const isStale = rank < state.wroteLast
  const problem = isStale ? `${name} wrote over what a later holder wrote` : null
  const seen = Math.max(fence, state.seen)
  return [
    {
      label: `${name} writes with fence ${fence}${late}`,
      state: { ...wrote, seen, wroteLast: rank, problem },
    },
  ]
}
