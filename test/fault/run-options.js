// @ts-check
// What the command line of a fault run says: which seed, how much, and whether it is for programs.
import { parseArgs } from 'node:util'

/**
 * Reads `--seed N`, `--json` and how much is done, under its own name. A wrong number ends the
 * process with one line that says so.
 *
 * @template {string} [Further=never]
 * @param {string} name of the run
 * @param {readonly [name: string, byDefault: number]} amount such as `['operations', 100_000]`
 * @param {Record<Further, string | undefined>} [further] options of this run alone, with their defaults
 */
export function readRun(name, [amountName, byDefault], further) {
  const own = Object.entries({
    ...{ seed: String(Date.now() % 1_000_000), [amountName]: String(byDefault) },
    ...further,
  }).map(([option, value]) => [
    option,
    { type: 'string', ...(value !== undefined && { default: value }) },
  ])
  /** @type {Record<string, {type: 'string', default?: string}>} */
  const texts = Object.fromEntries(own)
  const { values } = parseArgs({
    options: { ...texts, json: { type: /** @type {const} */ ('boolean'), default: false } },
  })
  const all = /** @type {Record<string, unknown>} */ (values)
  const [seed, amount] = [Number(all.seed), Number(all[amountName])]
  if (!Number.isInteger(seed) || !Number.isInteger(amount) || amount < 1) {
    refuse(
      `--seed and --${amountName} must be whole numbers, such as --seed 1 --${amountName} ${byDefault}.`,
    )
  }
  const startMs = performance.now()
  const json = all.json === true
  return {
    ...{ seed, amount, json },
    further: /** @type {Record<Further, string | undefined>} */ (all),
    /** The command that repeats it. */
    again: `npm run fault -- ${name} --seed ${seed} --${amountName} ${amount}`,
    /** For people: standard output belongs to the result when a program reads it. */
    say: json ? console.error : console.log,
    seconds: () => Math.round((performance.now() - startMs) / 1_000),
  }
}

/** Ends the process as a wrong command line does. @param {string} why @returns {never} */
export function refuse(why) {
  console.error(why)
  process.exit(2)
}
