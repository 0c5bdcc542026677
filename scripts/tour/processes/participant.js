// @ts-check
// The program of every process that takes part in the tour: it takes on a role, answers as that
// role, rests, and takes on the next one. Each role has an engine of its own.
import { openSluice } from '../place.js'

/**
 * @typedef {Record<string, (details: never) => unknown>} Answers by question; they run side by side
 * @typedef {(sluice: import('sluice').Sluice) => Answers} Play what the file of a role exports
 */

/** @type {import('../place.js').Address} */
const address = JSON.parse(process.env.SLUICE_TOUR ?? '{}')
/** @type {import('sluice').Sluice | undefined} */
let sluice

/** @type {Answers} */
const atRest = { become }
/** @type {Answers} */
let answers = atRest

async function become(/** @type {{ role: string }} */ { role }) {
  /** @type {{ play: Play }} */
  const { play } = await import(`./${role}.js`)
  sluice = openSluice(address)
  answers = { ...play(sluice), rest }
}

async function rest() {
  answers = atRest
  await sluice?.close({ timeout: '1s' })
}

process.on('message', async (/** @type {import('../processes.js').Question} */ question) => {
  const { number, question: name, details } = question
  try {
    const find = /** @type {Record<string, (details: object) => unknown>} */ (answers)
    if (find[name] === undefined) throw new Error(`it has no answer to "${name}"`)
    process.send?.({ number, value: (await find[name](details)) ?? null })
  } catch (error) {
    process.send?.({ number, error: error instanceof Error ? error.message : String(error) })
  }
})
// Nobody is left to answer to.
process.on('disconnect', () => process.exit())
