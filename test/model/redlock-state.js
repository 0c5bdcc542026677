// @ts-check
// What the model of Redlock consists of: its rules, its world, and a state.

/**
 * What the algorithm does for safety. Each can be taken away, to see what it is for.
 *
 * @typedef {object} Rules
 * @property {boolean} drift a lease is counted shorter by what clocks may differ over a TTL
 * @property {boolean} elapsed it is counted from before the first request, not from the answer
 * @property {boolean} minimum one with nothing left is not given to anybody
 * @property {boolean} again it is looked at again after the fence was written back
 * @property {boolean} writeBack the fence is written to a majority before it is given out
 * @property {boolean} ownerCheck a node takes that write from its owner only
 * @property {boolean} delayedRestart a node that has lost its data does not vote for one TTL
 * @property {boolean} guard what the lock protects refuses a fence lower than one it has seen
 *
 * @typedef {object} World what may happen
 * @property {number} ttl of a lease, in ticks
 * @property {number} drift ticks that a node's clock may gain on a client's over one TTL
 * @property {boolean} anyClocks leases may end on nodes at any time: no exclusion is claimed then
 * @property {readonly [number, number]} attempts of each client, one after the other
 * @property {number} restarts how many times a node may come back without its data
 * @property {boolean} fencesGoOn whether such a node's clock is ahead of the fences that it has lost
 * @property {readonly number[]} counters of the nodes at first
 * @property {boolean} writes whether holders write to what the lock protects
 * @property {boolean} fence false: a majority of votes is enough, as with the option of that name
 */

/**
 * How far one attempt has come with one node.
 * @typedef {typeof NOTHING | typeof ASKED | typeof VOTED | typeof WRITING | typeof WRITTEN} Stage
 *
 * @typedef {object} Link between an attempt and a node
 * @property {Stage} stage
 * @property {number} vote the counter that came with it
 * @property {boolean} isReleasing a release is on its way
 *
 * @typedef {object} Node
 * @property {number} owner an attempt, or {@link NOBODY}
 * @property {number} left ticks of the owner's lease by the node's clock
 * @property {number} young ticks for which it does not vote
 * @property {number} slack ticks that its clock may still gain meanwhile
 * @property {number} counter
 * @property {readonly Link[]} links one for each attempt
 *
 * @typedef {object} Attempt
 * @property {typeof IDLE | typeof ASKING | typeof FENCING | typeof HOLDING | typeof PAST | typeof OVER} phase
 * @property {number} ticks since it began; of a holder, that are left of its lease as it states it
 * @property {number} fence
 * @property {number} rank of its grant among all
 * @property {number} floor the highest fence that had been granted when it asked
 * @property {boolean} hasWritten
 *
 * @typedef {object} State
 * @property {readonly Attempt[]} attempts
 * @property {readonly Node[]} nodes
 * @property {number} restarts that may still come
 * @property {readonly number[]} given all fences that were granted, in order
 * @property {number} seen the highest fence that what the lock protects has taken a write with
 * @property {number} wroteLast the rank of the last one whose write was taken
 * @property {string | null} problem that the last step has shown
 *
 * @typedef {import('./explorer.js').Step<State>} Step
 */

/** @type {Rules} */
export const ALL_RULES = {
  drift: true,
  elapsed: true,
  minimum: true,
  again: true,
  writeBack: true,
  ownerCheck: true,
  delayedRestart: true,
  guard: true,
}

export const NODES = 3
export const MAJORITY = 2
export const NOBODY = -1
export const [NOTHING, ASKED, VOTED, WRITING, WRITTEN] = /** @type {const} */ ([0, 1, 2, 3, 4])
export const [IDLE, ASKING, FENCING, HOLDING, PAST, OVER] = /** @type {const} */ ([
  0, 1, 2, 3, 4, 5,
])

/** @param {State} state @param {number} index @param {Partial<Attempt>} change @returns {State} */
export const changeAttempt = (state, index, change) => ({
  ...state,
  attempts: state.attempts.with(index, {
    .../** @type {Attempt} */ (state.attempts[index]),
    ...change,
  }),
})

/** @param {State} state @param {number} index @param {Partial<Node>} change @returns {State} */
export const changeNode = (state, index, change) => ({
  ...state,
  nodes: state.nodes.with(index, { .../** @type {Node} */ (state.nodes[index]), ...change }),
})

/** @param {Node} node @param {number} attempt @param {Partial<Link>} change */
export const changeLink = (node, attempt, change) =>
  node.links.with(attempt, { .../** @type {Link} */ (node.links[attempt]), ...change })

/** @param {State} state @param {number} attempt @param {(link: Link, index: number) => Partial<Link>} change @returns {State} */
export const changeLinks = (state, attempt, change) => ({
  ...state,
  nodes: state.nodes.map((node, index) => ({
    ...node,
    links: changeLink(node, attempt, change(/** @type {Link} */ (node.links[attempt]), index)),
  })),
})

/**
 * @typedef {object} Scene
 * @property {World} world
 * @property {Rules} rules
 * @property {readonly number[]} clients of the attempts
 * @property {readonly string[]} names of the attempts
 * @property {WeakMap<Node, string>[]} spelled nodes, by the attempt that is named first: most steps change one
 */

/** @param {State} state @param {number} attempt @param {Stage} stage */
export const nodesAt = (state, attempt, stage) =>
  state.nodes.flatMap(({ links }, index) => (links[attempt]?.stage === stage ? [index] : []))

/** Whether a fence that is on its way can still have an effect. @param {Scene} scene @param {Node} node @param {number} attempt */
export const mayTake = ({ rules }, { owner, links }, attempt) =>
  links[attempt]?.stage === WRITING && (owner === attempt || !rules.ownerCheck)
