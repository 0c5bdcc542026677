// @ts-check
// What goes wrong, and what time makes good of it.
import { forget } from './gates-line.js'
import {
  BEHIND,
  DEAD_KEEPER,
  delivery,
  GATES,
  gateName,
  HELD,
  isOf,
  JOBS,
  jobName,
  KEEPS,
  NOBODY,
  NONE,
  OVER,
  PARKS,
  post,
  READY,
  STANDS,
  step,
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
export function faultsOf({ rules }, state, worker) {
  const who = workerName(worker)
  /** @type {Step[]} */
  const steps = []
  if (state.left.crashes > 0) {
    const crash = step(state, `${who} crashes`, (next) => {
      silence(next, worker, DEAD_KEEPER)
      next.alive = state.alive.with(worker, false)
      next.left = { ...state.left, crashes: state.left.crashes - 1 }
      for (const gate of GATES) {
        next.keeping[post(worker, gate)] = next.calls[post(worker, gate)] = NONE
        if (next.keepers[gate] === 1 + worker) next.keepers[gate] = DEAD_KEEPER
      }
    })
    steps.push({ ...crash, isFault: true })
  }
  if (state.left.pauses > 0) {
    const pause = step(state, `${who} stands still for longer than its leases`, (next) => {
      silence(next, worker, 1 + worker)
      if (!rules.countsLeases) next.passes = state.passes.slice()
      next.left = { ...state.left, pauses: state.left.pauses - 1 }
      for (const gate of GATES) {
        const here = post(worker, gate)
        if ((next.keeping[here] ?? NONE) >= UNPARKS) {
          // Its unpark is lost with its epoch: it gives the gate up.
          next.keeping[here] = NONE
          if (next.calls[here] === NONE) next.calls[here] = YIELDS
        }
        if (next.keepers[gate] === 1 + worker) next.keepers[gate] = NOBODY
      }
    })
    steps.push({ ...pause, isFault: true })
  }
  return steps
}

/** Its jobs and what it holds are nobody's. @param {State} next @param {number} worker @param {number} keeper */
function silence(next, worker, keeper) {
  for (const job of JOBS) {
    const at = delivery(worker, job)
    const phase = next.phases[at] ?? NONE
    const isSent = phase >= PARKS && phase < KEEPS && next.places[job] === HELD + worker
    if (isSent && !next.late) next.late = { job, gate: phase - PARKS, place: OVER, keeper }
    if (next.places[job] === HELD + worker) next.places[job] = OVER
    next.phases[at] = NONE
    next.passes[at] = 0
  }
  forget(next, (owner) => isOf(owner, worker))
}

/** What is late, and what is over. @param {Scene} scene @param {State} state @returns {Step[]} */
export function stepsOfTime({ rules }, state) {
  /** @type {Step[]} */
  const steps = []
  if (rules.claimLease && state.places.includes(OVER)) {
    steps.push(
      step(state, 'jobs of a worker that is silent come back', (next) => {
        next.places = state.places.map((place) => (place === OVER ? READY : place))
      }),
    )
  }
  for (const gate of GATES) {
    if (!rules.keeperTime || !isSilent(state, gate)) continue
    steps.push(
      step(state, `the keeper of ${gateName(gate)} was silent for too long`, (next) => {
        next.keepers[gate] = NOBODY
      }),
    )
  }
  const { late } = state
  if (late) {
    steps.push({
      ...step(state, `a late park of ${jobName(late.job)} arrives`, (next) => {
        next.late = null
        if (state.places[late.job] !== late.place) return
        next.places[late.job] = BEHIND + late.gate
        if (next.keepers[late.gate] === NOBODY) next.keepers[late.gate] = late.keeper
      }),
      // It may as well be lost.
      isFault: true,
    })
  }
  return steps
}

/** Who does not believe to keep it does not say so. @param {State} state @param {number} gate */
function isSilent({ keepers, keeping, calls, phases }, gate) {
  const keeper = keepers[gate] ?? NOBODY
  if (keeper === NOBODY || keeper === DEAD_KEEPER) return keeper === DEAD_KEEPER
  const worker = WORKERS[keeper - 1] ?? 0
  const here = post(worker, gate)
  const isTold = JOBS.some((job) => phases[delivery(worker, job)] === KEEPS + gate)
  return (keeping[here] ?? NONE) < STANDS && calls[here] === NONE && !isTold
}
