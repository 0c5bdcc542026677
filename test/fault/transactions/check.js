// @ts-check
// What must hold of increments: each acknowledged one is in the sum, and nothing else but those that
// are in doubt.

/**
 * @typedef {import('./history.js').Increment} Increment
 * @typedef {import('./history.js').Violation} Violation
 */

/**
 * @param {readonly Increment[]} increments
 * @param {ReadonlyMap<string, number>} finals what each counter has in the end
 * @returns {Violation[]}
 */
export function check(increments, finals) {
  return [...groupByCounter(increments, finals)].flatMap(([counter, own]) => {
    const final = finals.get(counter) ?? 0
    const { ok, unknown } = count(own)
    const about = { counter, final, acknowledged: ok, unknown }
    /** @type {Violation[]} */
    const found = []
    if (final < ok) {
      found.push({
        what: `${ok - final} acknowledged increments of ${counter} are lost`,
        witness: [about],
      })
    }
    if (final > ok + unknown) {
      const extra = final - ok - unknown
      found.push({
        what: `${counter} has ${extra} increments that nobody was told of`,
        witness: [about],
      })
    }
    return [...found, ...findTwins(own), ...findTooHigh(own, final)]
  })
}

/** How many acknowledged increments are not in the sums. @param {readonly Increment[]} increments @param {ReadonlyMap<string, number>} finals */
export function countLost(increments, finals) {
  let lost = 0
  for (const [, own] of groupByCounter(increments, finals)) {
    // Two that wrote the same value are one in the sum.
    const values = new Set(own.flatMap(({ end, value }) => (end === 'ok' ? [value] : [])))
    lost += own.filter(({ end }) => end === 'ok').length - values.size
  }
  return lost
}

/** @param {readonly Increment[]} increments */
export function count(increments) {
  const ends = { ok: 0, fail: 0, unknown: 0 }
  for (const { end } of increments) ends[end]++
  return ends
}

/** @param {readonly Increment[]} increments @param {ReadonlyMap<string, number>} finals */
function groupByCounter(increments, finals) {
  /** @type {Map<string, Increment[]>} */
  const groups = new Map([...finals.keys()].map((counter) => [counter, []]))
  for (const one of increments) {
    const own = groups.get(one.counter) ?? []
    groups.set(one.counter, own)
    own.push(one)
  }
  return groups
}

/** Who writes what another has written has not seen it. @param {readonly Increment[]} increments @returns {Violation[]} */
function findTwins(increments) {
  /** @type {Map<number, Increment>} */
  const writers = new Map()
  return increments.flatMap((one) => {
    if (one.end !== 'ok' || one.value === undefined) return []
    const other = writers.get(one.value)
    writers.set(one.value, one)
    return other
      ? [{ what: `two increments of ${one.counter} wrote ${one.value}`, witness: [other, one] }]
      : []
  })
}

/** @param {readonly Increment[]} increments @param {number} final @returns {Violation[]} */
function findTooHigh(increments, final) {
  const high = increments.find(({ value = 0 }) => value > final)
  return high
    ? [
        {
          what: `an acknowledged increment wrote ${high.value}, and ${high.counter} ends at ${final}`,
          witness: [high],
        },
      ]
    : []
}
