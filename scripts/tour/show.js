// @ts-check
// What the tour prints: lines, promises and the closing table, at most 100 columns wide.
import { styleText } from 'node:util'
import { isKept } from './run-steps.js'

/** @typedef {import('./run-steps.js').StepResult} StepResult */

// Node 22 asks stdout itself, unless told not to. The types of Node 20 know no third argument.
const unconditionally = /** @type {[]} */ (/** @type {unknown} */ ([{ validateStream: false }]))

const widths = { title: 24, result: 42, figure: 22 }

/**
 * @typedef {object} Ink
 * @property {(text: string) => string} bold
 * @property {(text: string) => string} faint
 * @property {(kept: boolean) => string} mark
 */

/**
 * Colours where they can be seen and are wanted: `hasColors` knows NO_COLOR and the terminal.
 *
 * @param {{ isTTY?: boolean, hasColors?: () => boolean }} [stream]
 * @returns {Ink}
 */
export function inkFor(stream = process.stdout) {
  const colored = stream.isTTY === true && stream.hasColors?.() === true
  /** @param {Parameters<typeof styleText>[0]} format @param {string} text */
  const style = (format, text) => (colored ? styleText(format, text, ...unconditionally) : text)
  return {
    bold: (text) => style('bold', text),
    faint: (text) => style('dim', text),
    mark: (kept) => (kept ? style('green', '✓') : style(['red', 'bold'], '✗')),
  }
}

/** @param {StepResult} result @param {Ink} ink */
export function formatStep({ lines, promises }, ink) {
  const plain = lines.map((line) => `  ${line}`)
  const checked = promises.map(({ text, kept }) => `  ${ink.mark(kept)} ${text}`)
  return [...plain, ...checked].join('\n')
}

/** @param {readonly StepResult[]} results @param {Ink} ink */
export function formatSummary(results, ink) {
  const head = row('Step', 'What came of it', 'Figure', 'Kept')
  const rows = results.map((result) =>
    row(result.title, result.result, result.figure, ink.mark(isKept(result))),
  )
  return [ink.bold(head), ...rows].join('\n')
}

/** @param {string} title @param {string} result @param {string} figure @param {string} kept */
const row = (title, result, figure, kept) =>
  [
    column(title, widths.title),
    column(result, widths.result),
    column(figure, widths.figure),
    kept,
  ].join('  ')

/** @param {string} text @param {number} width */
const column = (text, width) =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
