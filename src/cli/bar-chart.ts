import { printable } from '../text.ts'
import { tableOf } from './table.ts'

const LONGEST_BAR = 20
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `12.3 MiB`. */
export function bytesInWords(bytes: number): string {
  let [amount, unit] = [bytes, 0]
  while (amount >= 1_024 && unit < UNITS.length - 1) {
    amount /= 1_024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`
}

/** `1,234,567`. */
export const countInWords = (count: number): string => count.toLocaleString('en-US')

export interface ChartRow {
  readonly size: number
  readonly amount: string
  /** Short words between the bar and the name, the same number in each row. */
  readonly words: readonly string[]
  /** Of a user: it cannot act on the terminal. */
  readonly name: string
}

/** A line for each row: amount, bar, words, name; cut to so many columns. */
export function barChart(rows: readonly ChartRow[], columns: number): string[] {
  const most = Math.max(1, ...rows.map(({ size }) => size))
  const cells = rows.map(({ size, amount, words, name }) => {
    return [amount, bar(size / most).padEnd(LONGEST_BAR), ...words, printable(name)]
  })
  return tableOf(cells, columns, [0])
}

function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * LONGEST_BAR * 8))
  return '█'.repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? '')
}
