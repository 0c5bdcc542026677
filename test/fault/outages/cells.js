// @ts-check
// The cells of the matrix, and the names by which they are had again.
import { kinds } from './kinds.js'

/**
 * @typedef {import('./kinds.js').Kind} Kind
 * @typedef {import('./kinds.js').Topology} Topology
 *
 * @typedef {object} Cell
 * @property {string} name such as `blackhole/15s/cluster`
 * @property {Kind} kind
 * @property {Topology} topology
 * @property {number} lengthMs
 */

const LENGTHS_S = [1, 6, 15, 40]

/** Each kind of outage, in each length, on each topology that can have it. @returns {Cell[]} */
export function listCells() {
  return kinds.flatMap((kind) =>
    (kind.lengthsS ?? LENGTHS_S).flatMap((lengthS) =>
      /** @type {Topology[]} */ (Object.keys(kind.topologies)).map((topology) => ({
        name: `${kind.name}/${lengthS}s/${topology}`,
        ...{ kind, topology, lengthMs: lengthS * 1_000 },
      })),
    ),
  )
}

/**
 * Those whose name matches one of several patterns, in which `*` stands for anything and parts of a
 * name are enough: `blackhole`, `6s/cluster`, `*\/sentinel`.
 *
 * @param {readonly Cell[]} cells
 * @param {string} patterns separated by commas
 */
export function selectCells(cells, patterns) {
  const expressions = patterns.split(',').map((pattern) => {
    const escaped = pattern.trim().replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    return new RegExp(`(?:^|/)${escaped.replaceAll('*', '.*')}(?:/|$)`)
  })
  return cells.filter(({ name }) => expressions.some((expression) => expression.test(name)))
}

/** A number of its own for each cell of a run. @param {number} seed @param {string} name */
export function seedOf(seed, name) {
  let hash = seed | 0
  for (const character of name) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0
  return hash
}
