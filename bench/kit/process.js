// @ts-check
// What a competitor's process runs: `process.js BENCH COMPETITOR PLACE`, with COMPETITOR a file or
// FILE:VARIANT. It opens the competitor anew for each step, so that none begins with what it
// remembers of data that is gone.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { OURS } from './report.js'

/** @typedef {import('./competitor.js').Message} Message */

const [bench = '', name = '', place = ''] = process.argv.slice(2)
const [file = '', variant] = name.split(':')
/** The port of a server, or a folder. */
const where = /^\d+$/.test(place) ? Number(place) : place
const say = (/** @type {Message} */ message) => process.send?.(message)
const reasonOf = (/** @type {unknown} */ error) =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** `name@version` of an installed package; the name in its own file, not an alias of ours. */
function labelOf(/** @type {string} */ packageName) {
  const file = path.join(import.meta.dirname, '..', 'node_modules', packageName, 'package.json')
  const found = JSON.parse(readFileSync(file, 'utf8'))
  return `${found.name}@${found.version.replace(/^v/, '')}`
}

/** Imports and opens it once: what does not even open is a peer that cannot run here. */
async function load() {
  let label = name
  try {
    const found = await import(`../${bench}/${file}.js`)
    label = name === OURS ? OURS : labelOf(found.packageName)
    if (variant !== undefined) label += ` ${variant}`
    const competitor = variant === undefined ? found : found.variants[variant]
    const opened = await competitor.open(where)
    await opened.close()
    say({ type: 'ready', label, settings: competitor.settings })
    return competitor
  } catch (error) {
    if (name === OURS) say({ type: 'failed', reason: reasonOf(error) })
    else say({ type: 'absent', label, reason: reasonOf(error) })
    return undefined
  }
}

const competitor = await load()
const work = await import(`../${bench}/work.js`)

/** @typedef {{ step: 'check' | 'measure' | 'part', task: object }} Step */

/** @param {Step} message */
async function take({ step, task }) {
  if (step === 'check') {
    await work.check(competitor.open, where)
    say({ type: 'checked' })
  } else if (step === 'measure') {
    say({ type: 'measured', outcome: await work.measure(competitor.open, where, task) })
  } else {
    say({ type: 'parted', part: await work.part(competitor.open, where, task) })
  }
}

process.on('message', (/** @type {Step} */ message) => {
  take(message).catch((error) => say({ type: 'failed', reason: reasonOf(error) }))
})
process.once('disconnect', () => process.exit(0))
