// @ts-check
// Looks at every state that a model can come into, the near ones first. What it finds wrong it shows
// by a shortest way there.

/**
 * @template State
 * @typedef {object} Model
 * @property {readonly State[]} initial
 * @property {(state: State) => readonly Step<State>[]} next everything that may happen, in a fixed order
 * @property {(state: State) => string} keyOf the same for states between which there is nothing to choose
 * @property {(state: State) => string | null} problemOf what is wrong in a state
 */

/**
 * @template State
 * @typedef {object} Step
 * @property {string} label what happens, for people
 * @property {State} state that it leads to
 */

/**
 * @typedef {object} Found
 * @property {number} states how many were looked at
 * @property {number} steps how many lead from one of them to another or to itself
 * @property {number} depth of the state that is furthest from the beginning
 * @property {boolean} isComplete false if there were more states than allowed, or something is wrong
 * @property {{what: string, trace: string[]} | null} problem
 */

const MOST_STATES = 12_000_000
const BEGINNING = -1

/**
 * Explores breadth-first. Only the states of one depth are kept; of all others it knows the key and
 * the way, as the number of the step from the state before.
 *
 * @template State
 * @param {Model<State>} model
 * @param {{mostStates?: number, onDepth?: (depth: number, states: number) => void}} [options]
 * @returns {Found}
 */
export function explore(model, { mostStates = MOST_STATES, onDepth = () => {} } = {}) {
  /** @type {Set<string>} */
  const seen = new Set()
  /** @type {number[]} */
  const parents = []
  /** @type {number[]} */
  const choices = []
  let steps = 0
  let depth = 0

  /** @param {State} state @param {number} parent @param {number} choice */
  function isNew(state, parent, choice) {
    const key = model.keyOf(state)
    if (seen.has(key)) return false
    seen.add(key)
    parents.push(parent)
    choices.push(choice)
    return true
  }
  /** @param {string} what @returns {Found} */
  const failed = (what) => ({
    ...{ states: seen.size, steps, depth, isComplete: false },
    problem: { what, trace: retrace(model, parents, choices) },
  })

  /** @type {{state: State, number: number}[]} */
  let level = []
  for (const [index, state] of model.initial.entries()) {
    if (!isNew(state, BEGINNING, index)) continue
    level.push({ state, number: seen.size - 1 })
    const what = model.problemOf(state)
    if (what !== null) return failed(what)
  }
  while (level.length > 0) {
    onDepth(depth, seen.size)
    /** @type {typeof level} */
    const below = []
    for (const { state, number } of level) {
      for (const [choice, step] of model.next(state).entries()) {
        steps++
        if (!isNew(step.state, number, choice)) continue
        below.push({ state: step.state, number: seen.size - 1 })
        const what = model.problemOf(step.state)
        if (what !== null) return failed(what)
      }
      if (seen.size > mostStates) {
        return { states: seen.size, steps, depth, isComplete: false, problem: null }
      }
    }
    if (below.length > 0) depth++
    level = below
  }
  return { states: seen.size, steps, depth, isComplete: true, problem: null }
}

/**
 * What happened on the way to the state that was found last.
 *
 * @template State
 * @param {Model<State>} model
 * @param {readonly number[]} parents
 * @param {readonly number[]} choices
 */
function retrace(model, parents, choices) {
  const way = []
  for (
    let number = parents.length - 1;
    number !== BEGINNING;
    number = parents[number] ?? BEGINNING
  ) {
    way.unshift(choices[number] ?? 0)
  }
  const [first = 0, ...rest] = way
  let state = model.initial[first]
  return rest.map((choice) => {
    const step = state === undefined ? undefined : model.next(state)[choice]
    if (!step) throw new Error('The model has other steps from the same state than before.')
    state = step.state
    return step.label
  })
}
