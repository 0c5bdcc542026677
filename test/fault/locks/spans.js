// @ts-check
// Arithmetic on spans of time.

/** @typedef {import('./history.js').Span} Span */

/** What is left of a span. @param {Span} span @param {readonly Span[]} others @returns {Span[]} */
export function without(span, others) {
  let left = [span]
  for (const { fromMs, toMs } of others) {
    left = left.flatMap((one) =>
      toMs <= one.fromMs || fromMs >= one.toMs
        ? [one]
        : [
            { fromMs: one.fromMs, toMs: fromMs },
            { fromMs: toMs, toMs: one.toMs },
          ].filter((rest) => rest.fromMs < rest.toMs),
    )
  }
  return left
}

/** Of all of them together. @param {readonly Span[]} spans */
export function lengthOf(spans) {
  let [length, reached] = [0, 0]
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    length += Math.max(0, toMs - Math.max(fromMs, reached))
    reached = Math.max(reached, toMs)
  }
  return length
}
