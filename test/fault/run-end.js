// @ts-check
// How a fault run ends: with one line that tells the sums, and an exit code.

/**
 * @typedef {object} Sums
 * @property {number} operations
 * @property {number} faults
 * @property {number} violations the process fails if there are any
 */

/**
 * @param {Sums} sums
 * @param {(line: string) => void} [say]
 */
export function tellSums({ operations, faults, violations }, say = console.log) {
  say(`${operations} operations, ${faults} faults, ${violations} violations`)
  process.exitCode = violations > 0 ? 1 : 0
}

/**
 * For people the sums, for programs all that came of it.
 *
 * @param {Pick<ReturnType<typeof import('./run-options.js').readRun>, 'seed' | 'json' | 'seconds'>} run
 * @param {Sums} sums
 * @param {object} all
 */
export function tellEnd({ seed, json, seconds }, sums, all) {
  tellSums(sums, json ? () => {} : undefined)
  if (json) console.log(JSON.stringify({ seed, seconds: seconds(), ...all }))
}
