// @ts-check
// The line of a gate, as locks have it, and the plain caller in it.
import {
  ANSWER,
  FREE,
  GATES,
  GONE,
  GRANT,
  gateName,
  HOLDS,
  KNOWN,
  LEAVING,
  LOST,
  OUT,
  ownerOf,
  PLAIN,
  step,
  WAITS,
  WORKERS,
  workerName,
} from './gates-state.js'

/**
 * @typedef {import('./gates-state.js').State} State
 * @typedef {import('./gates-state.js').Step} Step
 * @typedef {import('./gates-state.js').Scene} Scene
 */

/** @param {State} state @param {number} gate @param {number} owner */
export const isInLine = ({ lines }, gate, owner) => lines[gate]?.includes(owner) ?? false
/** @param {State} state @param {number} gate @param {number} owner */
export const isHolder = ({ holders }, gate, owner) => holders[gate] === owner

/** It is let in at once, or joins the line. @param {State} next @param {number} gate @param {number} owner */
export function enter(next, gate, owner) {
  const line = next.lines[gate] ?? []
  if (next.holders[gate] === FREE) {
    next.holders[gate] = owner
    next.news[gate] = ANSWER
  } else next.lines[gate] = [...line, owner]
}

/** To the one that has waited longest. @param {State} next @param {number} gate */
export function handOn(next, gate) {
  const [first = FREE, ...rest] = next.lines[gate] ?? []
  next.holders[gate] = first
  next.news[gate] = first === FREE || first === GONE ? KNOWN : GRANT
  next.lines[gate] = rest
}

/** The same acquisition under another name. @param {State} next @param {number} gate @param {number} owner @param {number} heir */
export function rename(next, gate, owner, heir) {
  if (next.holders[gate] === owner) next.holders[gate] = heir
  else if (isInLine(next, gate, owner)) {
    next.lines[gate] = (next.lines[gate] ?? []).map((one) => (one === owner ? heir : one))
  }
}

/** Its release, or that it leaves the line, is on its way. @param {State} next @param {number} gate @param {number} worker @param {number} role */
export function leave(next, gate, worker, role) {
  if (isHolder(next, gate, ownerOf(worker, role))) next.news[gate] = KNOWN
  rename(next, gate, ownerOf(worker, role), ownerOf(worker, LEAVING))
}

/** Calls of a worker come in their order: it asks again when it has left. @param {State} state @param {number} gate @param {number} worker */
export const isLeaving = (state, gate, worker) =>
  isHolder(state, gate, ownerOf(worker, LEAVING)) || isInLine(state, gate, ownerOf(worker, LEAVING))

/** What arrives, is lost and is over at gates. @param {Scene} scene @param {State} state @returns {Step[]} */
export function stepsOfLines({ world, rules }, state) {
  /** @type {Step[]} */
  const steps = []
  for (const gate of GATES) {
    const name = gateName(gate)
    const holder = state.holders[gate] ?? FREE
    const news = state.news[gate]
    for (const worker of WORKERS) {
      const leaver = ownerOf(worker, LEAVING)
      const label = `what ${workerName(worker)} gave up of ${name} arrives`
      if (holder === leaver) steps.push(step(state, label, (next) => handOn(next, gate)))
      if (isInLine(state, gate, leaver)) {
        const line = state.lines[gate] ?? []
        steps.push(
          step(state, label, (next) => {
            next.lines[gate] = line.toSpliced(line.indexOf(leaver), 1)
          }),
        )
      }
    }
    if (holder === GONE && rules.lockLease) {
      steps.push(step(state, `the lease on ${name} is over`, (next) => handOn(next, gate)))
    }
    if (news === LOST && rules.grantLease) {
      const label = `nobody came for ${name} in time`
      steps.push(step(state, label, (next) => handOn(next, gate)))
    }
    if (news === GRANT && state.left.losses > 0) {
      steps.push({
        ...step(state, `the message that ${name} was handed over is lost`, (next) => {
          next.news[gate] = LOST
          next.left = { ...state.left, losses: state.left.losses - 1 }
        }),
        isFault: true,
      })
    }
  }
  return world.plain > 0 ? [...steps, ...stepsOfPlain(state)] : steps
}

/** @param {State} state @returns {Step[]} */
function stepsOfPlain(state) {
  const gate = 0
  const name = gateName(gate)
  if (state.plain === OUT) {
    if (state.left.plain === 0) return []
    // Nothing depends on it.
    const asks = step(state, `the plain caller asks for ${name}`, (next) => {
      next.plain = WAITS
      next.left = { ...state.left, plain: state.left.plain - 1 }
    })
    return [{ ...asks, isFault: true }]
  }
  if (state.plain === HOLDS) {
    return [
      step(state, `the plain caller releases ${name}`, (next) => {
        next.plain = OUT
        handOn(next, gate)
      }),
    ]
  }
  if (isHolder(state, gate, PLAIN)) {
    if (state.news[gate] === LOST || state.news[gate] === KNOWN) return []
    return [
      step(state, `the plain caller hears that it holds ${name}`, (next) => {
        next.plain = HOLDS
        next.news[gate] = KNOWN
      }),
    ]
  }
  if (isInLine(state, gate, PLAIN)) return []
  return [step(state, `the plain caller asks at ${name}`, (next) => enter(next, gate, PLAIN))]
}

/** Nobody speaks for those any more. @param {State} next @param {(owner: number) => boolean} isGone */
export function forget(next, isGone) {
  for (const gate of GATES) {
    if (isGone(next.holders[gate] ?? FREE)) {
      next.holders[gate] = GONE
      next.news[gate] = KNOWN
    }
    const line = next.lines[gate] ?? []
    if (line.some(isGone)) next.lines[gate] = line.map((one) => (isGone(one) ? GONE : one))
  }
}
