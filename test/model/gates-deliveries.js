// @ts-check
// What becomes of a job at a worker: claimed, asking for its gates, run, or parked.
import { enter, isHolder, isInLine, isLeaving, leave, rename } from './gates-line.js'
import {
  ANSWER,
  ASKS,
  BEHIND,
  CLAIMED,
  copyOf,
  DONE,
  DROPPED,
  delivery,
  GATES,
  GRANT,
  gateName,
  HELD,
  hasRoom,
  IS_NOT,
  JOBS,
  jobName,
  KEEPER,
  KEEPS,
  KNOWN,
  MORE,
  NOBODY,
  NONE,
  ownerOf,
  PARKS,
  post,
  READY,
  RUNS,
  SETTLES,
  STANDS,
  step,
  UNPARKS,
  workerName,
} from './gates-state.js'

/**
 * @typedef {import('./gates-state.js').State} State
 * @typedef {import('./gates-state.js').Step} Step
 * @typedef {import('./gates-state.js').Scene} Scene
 */

/** @param {Scene} scene @param {State} state @param {number} worker @returns {Step[]} */
export function stepsOfDeliveries(scene, state, worker) {
  return [
    ...claim(scene, state, worker),
    ...JOBS.flatMap((job) => {
      const phase = state.phases[delivery(worker, job)] ?? NONE
      if (phase === NONE) return []
      if (phase === CLAIMED) {
        const label = `${workerName(worker)} hears that it has ${jobName(job)}`
        return goOn(scene, copyOf(state), worker, job, label)
      }
      if (phase < PARKS) return ask(scene, state, worker, job, phase - ASKS)
      if (phase < KEEPS) return park(scene, state, worker, job, phase - PARKS)
      if (phase < RUNS) return heard(scene, state, worker, job, phase)
      return end(state, worker, job, phase)
    }),
  ]
}

/** The oldest job in line. @param {Scene} scene @param {State} state @param {number} worker @returns {Step[]} */
function claim(scene, state, worker) {
  const job = state.places.indexOf(READY)
  if (job < 0 || !hasRoom(scene, state, worker)) return []
  // It has not heard yet what became of its last delivery of that job.
  if (state.phases[delivery(worker, job)] !== NONE) return []
  return [
    step(state, `${workerName(worker)} claims ${jobName(job)}`, (next) => {
      next.places[job] = HELD + worker
      next.phases[delivery(worker, job)] = CLAIMED
    }),
  ]
}

/**
 * It asks for its next gate, or runs. What it need not ask for, because others wait or hold it here, or are
 * remembered to keep it elsewhere, it parks behind at once; what is remembered may be out of date.
 *
 * @param {Scene} scene @param {State} next its own copy @param {number} worker @param {number} job @param {string} why
 * @returns {Step[]}
 */
export function goOn({ world, rules }, next, worker, job, why) {
  const at = delivery(worker, job)
  const has = next.passes[at] ?? 0
  const gate = world.needs[job]?.find((one) => (has & (1 << one)) === 0)
  if (gate === undefined) {
    next.phases[at] = RUNS
    return [{ label: `${why}, and runs it`, state: next }]
  }
  const keeper = next.keepers[gate]
  const parked = copyOf(next)
  sendPark(rules, parked, worker, job, gate)
  const parking = { label: `${why}, and parks it behind ${gateName(gate)}`, state: parked }
  if (isShutHere(next, worker, job, gate)) return [parking]
  next.phases[at] = ASKS + gate
  const asking = { label: `${why}, and asks for ${gateName(gate)}`, state: next }
  return keeper === NOBODY || keeper === 1 + worker ? [asking] : [asking, parking]
}

/** @param {State} state @param {number} worker @param {number} job @param {number} gate */
function isShutHere({ keeping, phases, passes }, worker, job, gate) {
  if (keeping[post(worker, gate)] !== NONE) return true
  return JOBS.some((other) => {
    const at = delivery(worker, other)
    const hasIt = ((passes[at] ?? 0) & (1 << gate)) !== 0
    return other !== job && (phases[at] === ASKS + gate || hasIt)
  })
}

/** @param {Scene['rules']} rules @param {State} next @param {number} worker @param {number} job @param {number} gate */
function sendPark(rules, next, worker, job, gate) {
  next.phases[delivery(worker, job)] = PARKS + gate
  if (rules.givesBack) giveBack(next, worker, job)
}

/** @param {State} next @param {number} worker @param {number} job */
export function giveBack(next, worker, job) {
  const has = next.passes[delivery(worker, job)] ?? 0
  for (const gate of GATES) if ((has & (1 << gate)) !== 0) leave(next, gate, worker, job)
  next.passes[delivery(worker, job)] = 0
}

/** @param {Scene} scene @param {State} state @param {number} worker @param {number} job @param {number} gate @returns {Step[]} */
function ask(scene, state, worker, job, gate) {
  const owner = ownerOf(worker, job)
  const who = `${workerName(worker)} for ${jobName(job)}`
  const name = gateName(gate)
  if (isHolder(state, gate, owner)) {
    const news = state.news[gate]
    if (news !== ANSWER && news !== GRANT) return []
    const next = copyOf(state)
    next.news[gate] = KNOWN
    const at = delivery(worker, job)
    next.passes[at] = (next.passes[at] ?? 0) | (1 << gate)
    return goOn(scene, next, worker, job, `${who} hears that it holds ${name}`)
  }
  if (isInLine(state, gate, owner)) {
    return [
      step(state, `${who} hears that it waits for ${name}, and parks it`, (next) =>
        sendPark(scene.rules, next, worker, job, gate),
      ),
    ]
  }
  if (isLeaving(state, gate, worker)) return []
  return [step(state, `${who} asks at ${name}`, (next) => enter(next, gate, owner))]
}

/** @param {Scene} scene @param {State} state @param {number} worker @param {number} job @param {number} gate @returns {Step[]} */
function park({ rules }, state, worker, job, gate) {
  const at = delivery(worker, job)
  const label = `${jobName(job)} of ${workerName(worker)} is parked behind ${gateName(gate)}`
  if (state.places[job] !== HELD + worker) {
    return [
      step(
        state,
        `${jobName(job)} of ${workerName(worker)} is not parked, for it is lost`,
        (next) => {
          next.phases[at] = DROPPED + gate
        },
      ),
    ]
  }
  const parked = step(state, label, (next) => {
    next.places[job] = BEHIND + gate
    if (next.keepers[gate] === NOBODY) next.keepers[gate] = 1 + worker
    next.phases[at] = (next.keepers[gate] === 1 + worker ? KEEPS : DROPPED) + gate
    if (!rules.freeParks) next.problem = `${jobName(job)} has spent an attempt, and never ran`
  })
  if (state.left.repeats === 0) return [parked]
  const left = { ...state.left, repeats: state.left.repeats - 1 }
  const repeated = copyOf(parked.state)
  repeated.left = left
  // Whether the repeated call comes before or after the next ones is for the network to say.
  if (rules.parksOnce) repeated.phases[at] = DROPPED + gate
  else repeated.late = { job, gate, place: HELD + worker, keeper: 1 + worker }
  return [parked, { label: `${label}, and that is said again`, state: repeated, isFault: true }]
}

/** It hears that it is keeper. @param {Scene['rules']} rules @param {State} next @param {number} worker @param {number} gate */
export function keepOn(rules, next, worker, gate) {
  const here = post(worker, gate)
  const keeping = next.keeping[here] ?? NONE
  if (keeping === NONE) next.keeping[here] = STANDS
  if (!rules.goesOn) return
  // What it was told before, or is about to be told, may be older than this.
  if (keeping >= UNPARKS) next.keeping[here] = keeping | MORE
  if (next.calls[here] === IS_NOT) next.calls[here] = NONE
}

/** The answer to a park. @param {Scene} scene @param {State} state @param {number} worker @param {number} job @param {number} phase @returns {Step[]} */
function heard({ rules }, state, worker, job, phase) {
  const isKeeper = phase < DROPPED
  const gate = phase - (isKeeper ? KEEPS : DROPPED)
  const here = post(worker, gate)
  const stands = isKeeper && state.keeping[here] === NONE
  const what = stands ? 'keeps it' : 'leaves that line'
  return [
    step(
      state,
      `${workerName(worker)} hears of the park behind ${gateName(gate)}, and ${what}`,
      (next) => {
        next.phases[delivery(worker, job)] = NONE
        if (isKeeper) keepOn(rules, next, worker, gate)
        if (!stands) return leave(next, gate, worker, job)
        rename(next, gate, ownerOf(worker, job), ownerOf(worker, KEEPER))
      },
    ),
  ]
}

/** What it holds, and the job, end apart. @param {State} state @param {number} worker @param {number} job @param {number} phase @returns {Step[]} */
function end(state, worker, job, phase) {
  const at = delivery(worker, job)
  if (phase === RUNS) {
    return [
      step(state, `${workerName(worker)} has run ${jobName(job)}`, (next) => {
        next.phases[at] = SETTLES
        giveBack(next, worker, job)
      }),
    ]
  }
  return [
    step(state, `${jobName(job)} of ${workerName(worker)} is settled`, (next) => {
      if (next.places[job] === HELD + worker) next.places[job] = DONE
      next.phases[at] = NONE
    }),
  ]
}
