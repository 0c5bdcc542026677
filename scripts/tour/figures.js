// @ts-check
// Numbers for people.

/** Milliseconds on the one clock of this machine: what two processes read may be compared. */
export const sharedNowMs = () => Number(process.hrtime.bigint()) / 1e6

/** @param {readonly number[]} values @param {number} share such as 0.99 */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

/** @param {number} ms */
export function span(ms) {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`
}

/** @param {number} count @param {string} noun */
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`
