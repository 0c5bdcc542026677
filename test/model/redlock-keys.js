// @ts-check
// States of the model as text.
import { ASKED, HOLDING, mayTake, NOTHING, OVER, WRITING } from './redlock-state.js'

/**
 * @typedef {import('./redlock-state.js').Link} Link
 * @typedef {import('./redlock-state.js').Node} Node
 * @typedef {import('./redlock-state.js').Attempt} Attempt
 * @typedef {import('./redlock-state.js').State} State
 * @typedef {import('./redlock-state.js').Scene} Scene
 */

/**
 * The same for states that differ in which node, or which of two equal clients, is which, or in what
 * cannot make a difference any more.
 *
 * @param {State} state
 * @param {Scene} scene
 */
export function keyOf(state, scene) {
  const { world, clients } = scene
  const order = clients.map((_, index) => index)
  if (world.attempts[0] !== world.attempts[1]) return spell(scene, state, order)
  const swapped = [...order.slice(world.attempts[0]), ...order.slice(0, world.attempts[0])]
  const [one, other] = [spell(scene, state, order), spell(scene, state, swapped)]
  return one < other ? one : other
}

/** @param {Scene} scene @param {State} state @param {readonly number[]} order in which attempts are named */
function spell(scene, state, order) {
  const { world, spelled } = scene
  const { attempts, nodes, restarts, given, seen, wroteLast, problem } = state
  const places = nodes.map((node) => {
    const known = spelled[order[0] ?? 0]?.get(node)
    if (known !== undefined) return known
    const spelling = spellNode(scene, node, order)
    spelled[order[0] ?? 0]?.set(node, spelling)
    return spelling
  })
  const all = [restarts, Number(problem !== null)]
  if (world.anyClocks) all.push(given.length, ...given)
  else all.push(Math.max(0, ...given))
  if (world.writes) all.push(given.length, seen, wroteLast)
  for (const index of order) {
    const { phase, ticks, fence, rank, floor, hasWritten } = /** @type {Attempt} */ (
      attempts[index]
    )
    // Of one that is over, the fence may still be on its way.
    const isKnown = phase !== OVER || nodes.some((node) => mayTake(scene, node, index))
    all.push(phase * 2 + Number(hasWritten), Math.max(0, ticks), isKnown ? fence : 0)
    if (world.anyClocks) all.push(phase < HOLDING ? floor : 0)
    if (world.writes) all.push(phase === OVER ? 0 : rank)
  }
  return String.fromCharCode(...all, 0) + places.sort().join('')
}

/** @param {Scene} scene @param {Node} node @param {readonly number[]} order */
function spellNode(scene, node, order) {
  const { owner, left, young, slack, counter, links } = node
  const all = [order.indexOf(owner) + 1, left, young, slack, counter]
  for (const attempt of order) {
    const { stage, vote, isReleasing } = /** @type {Link} */ (links[attempt])
    // A release that finds the lock with somebody else changes nothing.
    const isHeard = isReleasing && (stage === ASKED || owner === attempt)
    const isLost = stage === WRITING && !mayTake(scene, node, attempt)
    all.push((isLost ? NOTHING : stage) * 2 + Number(isHeard), vote)
  }
  return String.fromCharCode(...all)
}
