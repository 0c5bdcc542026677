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
 * @property {Goal<State>} [goal] that every state must be able to lead to
 */

/**
 * @template State
 * @typedef {object} Goal
 * @property {(state: State) => boolean} isReached
 * @property {string} missed what is wrong in a state from which it is not
 */

/**
 * @template State
 * @typedef {object} Step
 * @property {string} label what happens, for people
 * @property {State} state that it leads to
 * @property {boolean} [isFault] it may happen, but nothing may depend on that: no way to a goal
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
 * the way, as the number of the step from the state before. A state that leads to no goal is looked for
 * when all are known.
 *
 * @template State
 * @param {Model<State>} model
 * @param {{mostStates?: number, onDepth?: (depth: number, states: number) => void}} [options]
 * @returns {Found}
 */
export function explore(model, { mostStates = MOST_STATES, onDepth = () => {} } = {}) {
  /** @type {Map<string, number>} */
  const seen = new Map()
  /** @type {number[]} */
  const parents = []
  /** @type {number[]} */
  const choices = []
  /** @type {number[]} */
  const goals = []
  const ways = new Ways()
  let steps = 0
  let depth = 0

  /** Its number, if it is new. @param {State} state @param {string} key @param {number} parent @param {number} choice */
  function add(state, key, parent, choice) {
    const number = parents.length
    seen.set(key, number)
    parents.push(parent)
    choices.push(choice)
    if (model.goal?.isReached(state)) goals.push(number)
    return number
  }
  /** @param {string} what @param {number} number @returns {Found} */
  const failed = (what, number) => ({
    ...{ states: seen.size, steps, depth, isComplete: false },
    problem: { what, trace: retrace(model, parents, choices, number) },
  })

  /** @type {{state: State, number: number}[]} */
  let level = []
  for (const [index, state] of model.initial.entries()) {
    const key = model.keyOf(state)
    if (seen.has(key)) continue
    const number = add(state, key, BEGINNING, index)
    level.push({ state, number })
    const what = model.problemOf(state)
    if (what !== null) return failed(what, number)
  }
  while (level.length > 0) {
    onDepth(depth, seen.size)
    /** @type {typeof level} */
    const below = []
    for (const { state, number } of level) {
      for (const [choice, step] of model.next(state).entries()) {
        steps++
        const key = model.keyOf(step.state)
        const known = seen.get(key)
        const target = known ?? add(step.state, key, number, choice)
        if (model.goal && !step.isFault) ways.add(number, target)
        if (known !== undefined) continue
        below.push({ state: step.state, number: target })
        const what = model.problemOf(step.state)
        if (what !== null) return failed(what, target)
      }
      if (seen.size > mostStates) {
        return { states: seen.size, steps, depth, isComplete: false, problem: null }
      }
    }
    if (below.length > 0) depth++
    level = below
  }
  const stuck = model.goal ? ways.firstWithout(goals, parents.length) : null
  if (model.goal && stuck !== null) return failed(model.goal.missed, stuck)
  return { states: seen.size, steps, depth, isComplete: true, problem: null }
}

/** Which state leads to which, in so little memory that there may be many millions. */
class Ways {
  count = 0
  sources = new Int32Array(1_024)
  targets = new Int32Array(1_024)

  /** @param {number} source @param {number} target */
  add(source, target) {
    if (this.count === this.sources.length) {
      this.sources = doubled(this.sources)
      this.targets = doubled(this.targets)
    }
    this.sources[this.count] = source
    this.targets[this.count++] = target
  }

  /**
   * The nearest state that leads to none of the goals.
   *
   * @param {readonly number[]} goals
   * @param {number} states how many there are
   */
  firstWithout(goals, states) {
    const { count, sources, targets } = this
    const ends = new Int32Array(states + 1)
    for (let way = 0; way < count; way++) raise(ends, at(targets, way) + 1, 1)
    for (let state = 0; state < states; state++) raise(ends, state + 1, at(ends, state))
    const free = ends.slice()
    const before = new Int32Array(count)
    for (let way = 0; way < count; way++) {
      before[raise(free, at(targets, way), 1)] = at(sources, way)
    }
    const leads = new Uint8Array(states)
    const open = [...goals]
    for (const goal of goals) leads[goal] = 1
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      for (let way = at(ends, state); way < at(ends, state + 1); way++) {
        const source = at(before, way)
        if (leads[source] === 1) continue
        leads[source] = 1
        open.push(source)
      }
    }
    const first = leads.indexOf(0)
    return first < 0 ? null : first
  }
}

/** @param {Int32Array} numbers @param {number} index */
const at = (numbers, index) => /** @type {number} */ (numbers[index])

/** Returns what it was. @param {Int32Array} numbers @param {number} index @param {number} by */
function raise(numbers, index, by) {
  const before = at(numbers, index)
  numbers[index] = before + by
  return before
}

/** @param {Int32Array<ArrayBuffer>} numbers */
function doubled(numbers) {
  const longer = new Int32Array(numbers.length * 2)
  longer.set(numbers)
  return longer
}

/**
 * What happened on the way to a state.
 *
 * @template State
 * @param {Model<State>} model
 * @param {readonly number[]} parents
 * @param {readonly number[]} choices
 * @param {number} last
 */
function retrace(model, parents, choices, last) {
  const way = []
  for (let number = last; number !== BEGINNING; number = parents[number] ?? BEGINNING) {
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
