// @ts-check
// What a run shows of its violations: a few of each kind, and how many there are.

const SHOWN_OF_A_KIND = 3
const SHOWN_RECORDS = 6

/**
 * @template {{what: string, witness: readonly object[]}} Violation
 * @param {readonly Violation[]} violations
 * @param {object} how
 * @param {(line: string) => void} how.say
 * @param {string | ((violation: Violation) => string)} how.again the command that repeats the run
 */
export function sayViolations(violations, { say, again }) {
  /** Numbers and names aside, violations of one kind say the same. @type {Map<string, number>} */
  const kinds = new Map()
  for (const violation of violations) {
    const { what, witness } = violation
    const kind = what.replace(/\S*\d\S*/g, '…')
    const count = (kinds.get(kind) ?? 0) + 1
    kinds.set(kind, count)
    if (count > SHOWN_OF_A_KIND) continue
    say(`\nviolation: ${what}`)
    for (const record of witness.slice(0, SHOWN_RECORDS)) say(`  ${JSON.stringify(record)}`)
    say(`  again: ${typeof again === 'string' ? again : again(violation)}`)
  }
  for (const [kind, count] of kinds) if (count > 1) say(`${count} times: ${kind}`)
}

/**
 * Of processes that should have ended in good order.
 *
 * @param {readonly {who: string, exit: number | string | null}[]} ends
 */
export const badEnds = (ends) =>
  ends.map((end) => ({ what: `process ${end.who} ended with ${end.exit}`, witness: [end] }))
