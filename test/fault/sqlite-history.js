// @ts-check
// What writers asked a store for and were answered, held against what is in the store in the end.

/**
 * @typedef {object} Line
 * @property {string} who
 * @property {string} op add, settle, acquire, release or take
 * @property {'asks' | 'got' | 'failed'} phase a call that was asked for and has no other line may
 *   have had its effect, one that failed may not
 * @property {number} atMs on the machine's monotonic clock
 * @property {string[]} [keys] of jobs
 * @property {string} [name] of a lock
 * @property {string} [owner]
 * @property {number} [ttlMs]
 * @property {number} [fence]
 * @property {boolean} [allowed]
 * @property {string} [tag]
 *
 * @typedef {object} Store
 * @property {string[]} keys of all jobs
 * @property {number} charged units that were taken
 *
 * @typedef {{ name: string, fence: number, askedMs: number, gotMs: number, overMs: number }} Holding
 */

/**
 * Every contradiction, one line each.
 * @param {readonly Line[]} history
 * @param {Store} store
 * @returns {string[]}
 */
export function contradictions(history, store) {
  return [...jobsOf(history, store), ...locksOf(history), ...unitsOf(history, store)]
}

/** @param {readonly Line[]} history @param {string} op @param {Line['phase']} phase */
const linesOf = (history, op, phase) =>
  history.filter((line) => line.op === op && line.phase === phase)

/** @param {readonly Line[]} lines */
const keysOf = (lines) => lines.flatMap(({ keys }) => keys ?? [])

/** @param {readonly Line[]} history @param {Store} store @returns {string[]} */
function jobsOf(history, store) {
  const stored = new Set(store.keys)
  const asked = new Set(keysOf(linesOf(history, 'add', 'asks')))
  const refused = new Set(keysOf(linesOf(history, 'add', 'failed')))
  const maybeSettled = new Set(keysOf(linesOf(history, 'settle', 'asks')))
  const settled = keysOf(linesOf(history, 'settle', 'got'))
  const isThere = (/** @type {string} */ key) => stored.has(key) || maybeSettled.has(key)
  const found = []
  if (stored.size < store.keys.length) found.push('a job is in the store twice')
  for (const { keys = [] } of linesOf(history, 'add', 'got')) {
    const lost = keys.filter((key) => !isThere(key))
    found.push(...lost.map((key) => `job ${key} was added, and is gone without being settled`))
  }
  for (const { keys = [] } of linesOf(history, 'add', 'asks')) {
    const count = keys.filter(isThere).length
    if (count > 0 && count < keys.length) found.push(`only ${count} of the jobs ${keys} were added`)
  }
  for (const key of stored) {
    if (!asked.has(key)) found.push(`job ${key} is in the store, and nobody added it`)
    if (refused.has(key)) found.push(`job ${key} is in the store, though its add was refused`)
  }
  const [once, twice] = [new Set(), new Set()]
  for (const key of settled) (once.has(key) ? twice : once).add(key)
  found.push(...[...twice].map((key) => `job ${key} was settled twice`))
  const back = [...new Set(settled)].filter((key) => stored.has(key))
  found.push(...back.map((key) => `job ${key} was settled, and is in the store again`))
  return found
}

/** @param {readonly Line[]} history @returns {string[]} */
function locksOf(history) {
  const found = []
  /** @type {Map<string, Holding[]>} */
  const byName = new Map()
  for (const holding of holdingsOf(history)) {
    byName.set(holding.name, [...(byName.get(holding.name) ?? []), holding])
  }
  for (const [name, holdings] of byName) {
    found.push(...overlapsOf(name, holdings), ...fencesOf(name, holdings))
  }
  return found
}

/** @param {readonly Line[]} history @returns {Holding[]} */
function holdingsOf(history) {
  const asked = new Map(linesOf(history, 'acquire', 'asks').map((line) => [line.owner, line]))
  const released = new Map(linesOf(history, 'release', 'asks').map((line) => [line.owner, line]))
  return linesOf(history, 'acquire', 'got')
    .filter(({ fence }) => fence !== undefined)
    .map(({ name = '', fence = 0, owner, atMs: gotMs, ttlMs = 0 }) => {
      const askedMs = asked.get(owner)?.atMs ?? gotMs
      const releasedMs = released.get(owner)?.atMs ?? Number.POSITIVE_INFINITY
      return { name, fence, askedMs, gotMs, overMs: Math.min(askedMs + ttlMs, releasedMs) }
    })
}

/** @param {string} name @param {readonly Holding[]} holdings @returns {string[]} */
function overlapsOf(name, holdings) {
  const held = holdings.filter(({ gotMs, overMs }) => gotMs < overMs)
  held.sort((a, b) => a.gotMs - b.gotMs)
  const found = []
  let endMs = Number.NEGATIVE_INFINITY
  for (const { gotMs, overMs, fence } of held) {
    if (gotMs < endMs) found.push(`lock ${name} was held by two when it got fence ${fence}`)
    endMs = Math.max(endMs, overMs)
  }
  return found
}

/** Whoever asked after another one had got the lock has a higher fence. @param {string} name @param {readonly Holding[]} holdings @returns {string[]} */
function fencesOf(name, holdings) {
  const found = []
  const given = [...holdings].sort((a, b) => a.gotMs - b.gotMs)
  let [next, highest] = [0, 0]
  for (const { askedMs, fence } of [...holdings].sort((a, b) => a.askedMs - b.askedMs)) {
    for (; (given[next]?.gotMs ?? Number.POSITIVE_INFINITY) < askedMs; next++) {
      highest = Math.max(highest, given[next]?.fence ?? 0)
    }
    if (fence <= highest) found.push(`lock ${name} got fence ${fence} after ${highest}`)
  }
  return found
}

/** @param {readonly Line[]} history @param {Store} store @returns {string[]} */
function unitsOf(history, { charged }) {
  const taken = linesOf(history, 'take', 'got').filter(({ allowed }) => allowed).length
  const ended = linesOf(history, 'take', 'got').length + linesOf(history, 'take', 'failed').length
  const unknown = linesOf(history, 'take', 'asks').length - ended
  if (charged < taken) return [`${taken} units were taken, and only ${charged} are stored`]
  if (charged <= taken + unknown) return []
  return [`${charged} units are stored, and only ${taken + unknown} were asked for`]
}
