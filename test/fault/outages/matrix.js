// @ts-check
// Runs cells side by side.
import { runCell } from './run-cell.js'

/**
 * @typedef {import('./cells.js').Cell} Cell
 * @typedef {import('./run-cell.js').CellResult} CellResult
 *
 * @typedef {object} MatrixRun
 * @property {readonly Cell[]} cells
 * @property {number} seed
 * @property {string} folder
 * @property {number} sideBySide
 * @property {(result: CellResult) => void} [onResult]
 */

/** So many at a time; the others wait for their turn. @param {number} places */
export function turnstile(places) {
  let free = places
  /** @type {(() => void)[]} */
  const waiting = []
  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  return async (work) => {
    if (free === 0) await new Promise((resolve) => waiting.push(() => resolve(undefined)))
    else free -= 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

/** Starting servers takes the processor; an outage takes time. */
const STARTS_SIDE_BY_SIDE = 2

/** The longest first, so that none is left alone in the end. @param {MatrixRun} run */
export async function runMatrix({ cells, seed, folder, sideBySide, onResult = () => {} }) {
  const inTurn = turnstile(sideBySide)
  const startInTurn = turnstile(STARTS_SIDE_BY_SIDE)
  const order = cells.toSorted((x, y) => y.lengthMs - x.lengthMs)
  return await Promise.all(
    order.map((cell) =>
      inTurn(async () => {
        const result = await runCell(cell, { seed, folder, startInTurn }).catch((error) =>
          notRun(cell.name, error),
        )
        onResult(result)
        return result
      }),
    ),
  )
}

/** @param {string} cell @param {unknown} error @returns {CellResult} */
const notRun = (cell, error) => ({
  ...{ cell, operations: 0, faults: 0, resumedMs: null, toldMs: null, overMs: 0 },
  violations: [`not run: ${error instanceof Error ? error.message : error}`],
})
