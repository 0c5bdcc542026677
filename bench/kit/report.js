// @ts-check
// What every bench prints: one JSON line for each case and peer, or a table for people.

/**
 * @typedef {object} Figures of one case, one value a round
 * @property {string} name of the case
 * @property {string} unit
 * @property {'higher' | 'lower'} better
 * @property {Map<string, number[]>} rounds by competitor, ours under {@link OURS}
 */

export const OURS = 'sluice'

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Three digits are more than a shared machine can tell. @param {number} value */
const rounded = (value) => Number(value.toPrecision(4))

/** @param {string} bench @param {Figures} figures */
export function jsonLines(bench, { name, unit, better, rounds }) {
  const own = rounds.get(OURS) ?? []
  const ours = median(own)
  const common = {
    ...{ bench, case: name, unit, better, ours: rounded(ours) },
    ...{ oursMin: rounded(Math.min(...own)), oursMax: rounded(Math.max(...own)) },
  }
  const peers = [...rounds].filter(([competitor]) => competitor !== OURS)
  if (peers.length === 0) return [JSON.stringify({ ...common, peer: null, theirs: null })]
  return peers.map(([peer, values]) => {
    const theirs = median(values)
    const ratio = better === 'higher' ? ours / theirs : theirs / ours
    return JSON.stringify({ ...common, peer, theirs: rounded(theirs), ratio: rounded(ratio) })
  })
}

/**
 * A row for each competitor, a column for each case: median (min-max).
 * @param {readonly Figures[]} cases
 */
export function table(cases) {
  const competitors = [...new Set(cases.flatMap(({ rounds }) => [...rounds.keys()]))]
  const lines = [
    ['', ...cases.map(({ name, unit }) => `${name}, ${unit}`)],
    ...competitors.map((competitor) => [
      competitor,
      ...cases.map(({ rounds }) => spread(rounds.get(competitor) ?? [])),
    ]),
  ]
  const widths = ['', ...cases].map((_, column) =>
    Math.max(...lines.map((cells) => (cells[column] ?? '').length)),
  )
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** @param {readonly number[]} values */
const spread = (values) =>
  values.length === 0
    ? '-'
    : `${short(median(values))} (${short(Math.min(...values))}-${short(Math.max(...values))})`

/** @param {number} value */
const short = (value) =>
  value >= 1000 ? `${(value / 1000).toPrecision(3)}k` : value.toPrecision(3)
