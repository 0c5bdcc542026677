// @ts-check
// How results look for people.

/** @typedef {import('./run-cell.js').CellResult} CellResult */

const ms = (/** @type {number | null} */ value) =>
  value === null ? '-' : Number.isFinite(value) ? `${Math.round(value)}` : 'never'

/** @param {(string | number)[]} words */
const row = ([cell = '', ...numbers]) =>
  `${`${cell}`.padEnd(30)}${numbers.map((number) => `${number}`.padStart(11)).join('')}`

export const headLine = () => row(['cell', 'resumed ms', 'told ms', 'over ms', 'calls', 'verdict'])

/** @param {CellResult} result */
export function cellLine({ cell, resumedMs, toldMs, overMs, operations, violations }) {
  const verdict = violations.length === 0 ? 'ok' : `${violations.length} bad`
  return row([cell, ms(resumedMs), ms(toldMs), ms(overMs), operations, verdict])
}

/** One line for each kind: the slowest resumption on each topology, and how many cells are bad. @param {readonly CellResult[]} results */
export function resultTable(results) {
  const topologies = ['standalone', 'sentinel', 'cluster']
  const kinds = [...new Set(results.map(({ cell }) => cell.split('/')[0] ?? ''))].sort()
  const lines = kinds.map((kind) => {
    const own = results.filter(({ cell }) => cell.startsWith(`${kind}/`))
    const slowest = topologies.map((topology) => {
      const there = own.filter(({ cell }) => cell.endsWith(`/${topology}`))
      if (there.length === 0) return ''
      if (there.some(({ resumedMs }) => resumedMs === null)) return 'never'
      return ms(Math.max(...there.map(({ resumedMs }) => resumedMs ?? 0)))
    })
    const bad = own.filter(({ violations }) => violations.length > 0).length
    return row([kind, ...slowest, `${own.length - bad}/${own.length}`])
  })
  return [row(['slowest resumption, ms', ...topologies, 'cells ok']), ...lines].join('\n')
}
