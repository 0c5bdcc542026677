/** Lines of columns as wide as what is in them, cut to so many characters. Those named stand at the right. */
export function tableOf(
  rows: readonly (readonly string[])[],
  columns: number,
  atRight: readonly number[] = [],
): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length)
    })
  }
  const padded = (cell: string, at: number) =>
    atRight.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
  return rows.map((row) => cut(row.map(padded).join('  ').trimEnd(), columns))
}

/** Shows that something is left out. */
export const cut = (line: string, columns: number) =>
  line.length <= columns ? line : `${line.slice(0, columns - 1)}…`
