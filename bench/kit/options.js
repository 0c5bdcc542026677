// @ts-check
// The flags that every bench understands.
import { parseArgs } from 'node:util'

/** @typedef {{ full: number, quick: number }} Rounds */

/** @type {Rounds} */
const ROUNDS = { full: 5, quick: 3 }

/**
 * `--json`, `--rounds N`, `--quick`. A wrong one ends the process with one line that says so.
 * @param {Rounds} [byDefault]
 */
export function readOptions(byDefault = ROUNDS) {
  try {
    return parseOptions(byDefault)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}

/** @param {Rounds} byDefault */
function parseOptions(byDefault) {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? byDefault.quick : byDefault.full))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1')
  return { json: values.json, quick: values.quick, rounds }
}
