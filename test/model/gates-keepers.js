// @ts-check
// What a worker does as the keeper of a gate, and how it becomes that.
import { goOn, keepOn } from './gates-deliveries.js'
import { enter, isHolder, isInLine, isLeaving, leave, rename } from './gates-line.js'
import {
  ANSWER,
  copyOf,
  delivery,
  EMPTY,
  firstBehind,
  GATES,
  GOT,
  GRANT,
  gateName,
  HELD,
  hasRoom,
  IS_KEEPER,
  IS_NOT,
  jobName,
  KEEPER,
  KNOWN,
  MORE,
  NOBODY,
  NONE,
  ownerOf,
  post,
  STANDS,
  step,
  TOLD,
  UNPARKS,
  WORKERS,
  workerName,
  YIELDS,
} from './gates-state.js'

/**
 * @typedef {import('./gates-state.js').State} State
 * @typedef {import('./gates-state.js').Step} Step
 * @typedef {import('./gates-state.js').Scene} Scene
 */

/** @param {Scene} scene @param {State} state @param {number} worker @returns {Step[]} */
export function stepsOfKeepers(scene, state, worker) {
  return GATES.flatMap((gate) => [
    ...look(scene, state, worker, gate),
    ...called(scene, state, worker, gate),
    ...keep(scene, state, worker, gate),
  ])
}

/** An exchange tells of a gate without a keeper. @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function look(scene, state, worker, gate) {
  const here = post(worker, gate)
  if (!scene.rules.look || state.keepers[gate] !== NOBODY || firstBehind(state, gate) < 0) return []
  if (state.calls[here] !== NONE || state.keeping[here] !== NONE) return []
  if (!hasRoom(scene, state, worker)) return []
  // The look was put off for somebody who is about to keep it.
  if (WORKERS.some((one) => isAbout(state, one, gate))) return []
  return [
    step(state, `${workerName(worker)} is told of ${gateName(gate)}`, (next) => {
      next.calls[here] = TOLD
    }),
  ]
}

/** @param {State} state @param {number} worker @param {number} gate */
const isAbout = ({ calls }, worker, gate) =>
  calls[post(worker, gate)] === TOLD || calls[post(worker, gate)] === IS_KEEPER

/** @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function called({ rules }, state, worker, gate) {
  const here = post(worker, gate)
  const call = state.calls[here]
  const me = 1 + worker
  const who = workerName(worker)
  const name = gateName(gate)
  const keeping = state.keeping[here] ?? NONE
  const keeper = state.keepers[gate]
  const isEmpty = firstBehind(state, gate) < 0
  const mayKeep = keeper === NOBODY || keeper === me
  if (call === TOLD || (call === NONE && keeping === STANDS && (isEmpty || keeper !== me))) {
    const isKept = !isEmpty && mayKeep
    const answer = isKept ? 'is its keeper' : isEmpty ? 'nothing is there' : 'others keep it'
    return [
      step(state, `${who} says that it keeps ${name}: ${answer}`, (next) => {
        if (mayKeep) next.keepers[gate] = isKept ? me : NOBODY
        const refused = call === TOLD ? NONE : IS_NOT
        next.calls[here] = isKept ? (call === TOLD ? IS_KEEPER : NONE) : refused
      }),
    ]
  }
  if (call === IS_KEEPER) {
    return [
      step(state, `${who} hears that it is keeper of ${name}`, (next) => {
        next.calls[here] = NONE
        keepOn(rules, next, worker, gate)
      }),
    ]
  }
  if (call === IS_NOT && keeping <= STANDS) {
    return [
      step(state, `${who} hears that it does not keep ${name}`, (next) => {
        next.calls[here] = NONE
        next.keeping[here] = NONE
        leave(next, gate, worker, KEEPER)
      }),
    ]
  }
  if (call !== YIELDS) return []
  return [
    step(state, `${who} gives ${name} up`, (next) => {
      next.calls[here] = NONE
      if (keeper === me) next.keepers[gate] = NOBODY
    }),
  ]
}

/** @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function keep(scene, state, worker, gate) {
  const keeping = state.keeping[post(worker, gate)] ?? NONE
  if (keeping === NONE) return []
  if (keeping === STANDS) return stand(scene, state, worker, gate)
  if ((keeping & ~MORE) === UNPARKS) return unpark(scene, state, worker, gate)
  return unparked(scene, state, worker, gate)
}

/** In line for the first job behind the gate. @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function stand(scene, state, worker, gate) {
  const here = post(worker, gate)
  const owner = ownerOf(worker, KEEPER)
  const who = `${workerName(worker)} as keeper`
  const name = gateName(gate)
  if (isInLine(state, gate, owner)) return []
  if (!isHolder(state, gate, owner)) {
    if (isLeaving(state, gate, worker)) return []
    return [step(state, `${who} asks at ${name}`, (next) => enter(next, gate, owner))]
  }
  if (state.news[gate] !== ANSWER && state.news[gate] !== GRANT) return []
  if (hasRoom(scene, state, worker)) {
    return [
      step(state, `${who} hears that it holds ${name}, and unparks`, (next) => {
        next.news[gate] = KNOWN
        next.keeping[here] = UNPARKS
      }),
    ]
  }
  if (state.calls[here] !== NONE) return []
  return [
    step(state, `${who} hears that it holds ${name}, has no room, and gives it up`, (next) => {
      leave(next, gate, worker, KEEPER)
      next.keeping[here] = NONE
      next.calls[here] = YIELDS
    }),
  ]
}

/** @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function unpark({ rules }, state, worker, gate) {
  const job = firstBehind(state, gate)
  const what = job < 0 ? 'nothing' : jobName(job)
  const label = `${workerName(worker)} unparks ${what} from ${gateName(gate)}`
  const first = step(state, label, (next) => take(rules, next, worker, gate))
  if (rules.unparksOnce || job < 0 || state.left.repeats === 0) return [first]
  const again = copyOf(first.state)
  take(rules, again, worker, gate)
  again.left = { ...state.left, repeats: state.left.repeats - 1 }
  return [first, { label: `${label}, and that is said again`, state: again, isFault: true }]
}

/** @param {Scene['rules']} rules @param {State} next @param {number} worker @param {number} gate */
function take(rules, next, worker, gate) {
  const here = post(worker, gate)
  const job = firstBehind(next, gate)
  if (job >= 0) next.places[job] = HELD + worker
  const isLast = firstBehind(next, gate) < 0
  if (isLast && rules.forgetsEmpty) next.keepers[gate] = NOBODY
  const more = isLast ? (next.keeping[here] ?? NONE) & MORE : MORE
  next.keeping[here] = job < 0 ? EMPTY | more : (GOT + job) | more
}

/** The answer to an unpark. @param {Scene} scene @param {State} state @param {number} worker @param {number} gate @returns {Step[]} */
function unparked(scene, state, worker, gate) {
  const here = post(worker, gate)
  const keeping = state.keeping[here] ?? NONE
  const who = workerName(worker)
  const name = gateName(gate)
  const goesOn = (keeping & MORE) === 0 ? NONE : STANDS
  if ((keeping & ~MORE) === EMPTY) {
    return [
      step(state, `${who} hears that nothing is behind ${name}`, (next) => {
        leave(next, gate, worker, KEEPER)
        next.keeping[here] = goesOn
      }),
    ]
  }
  const job = (keeping & ~MORE) - GOT
  // The answer to its park comes first.
  if (state.phases[delivery(worker, job)] !== NONE) return []
  const next = copyOf(state)
  const at = delivery(worker, job)
  rename(next, gate, ownerOf(worker, KEEPER), ownerOf(worker, job))
  next.passes[at] = (next.passes[at] ?? 0) | (1 << gate)
  next.keeping[here] = goesOn
  return goOn(scene, next, worker, job, `${who} hears that it has ${jobName(job)} from ${name}`)
}
