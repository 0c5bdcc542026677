// @ts-check
// `npm start`: from a fresh clone to the tour, then a status page until Ctrl-C.
// `npm start -- --once` ends after the tour. SLUICE_URL=redis://… does it all on that server.
import { parseArgs } from 'node:util'
import { ensureBuilt, ensureInstalled, platformProblem } from './prepare.js'

const log = (/** @type {string} */ line) => console.log(line)
const usage = `npm start             the tour, then a status page until Ctrl-C
npm start -- --once   the tour alone: exit 0 if every promise was kept, 1 if not
SLUICE_URL=redis://localhost:6379 npm start   the same on a Redis or Valkey server`

/** How long open things may take to close after Ctrl-C. */
const closeDeadlineMs = 3_000

function readArguments() {
  try {
    return parseArgs({
      options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
  }
}

/**
 * Resolves at the first Ctrl-C or SIGTERM, or when a parent that keeps a channel to us is gone; a
 * second one ends the process where it stands.
 */
function listenForInterrupt() {
  /** @type {Promise<'interrupted'>} */
  const interrupted = new Promise((resolve) => {
    let count = 0
    const onSignal = () => {
      if (++count > 1) process.exit(130)
      resolve('interrupted')
    }
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('disconnect', onSignal)
  })
  return interrupted
}

/** @param {boolean} once */
async function main(once) {
  const problem = platformProblem()
  if (problem !== undefined) throw new Error(problem)
  await ensureInstalled({ log })
  await ensureBuilt({ log })
  // Only now is there something to import.
  const { openPlace, openSluice } = await import('./tour/place.js')
  const { createProcesses } = await import('./tour/processes.js')
  const place = await openPlace(process.env)
  const processes = createProcesses(place.address)
  const sluice = openSluice(place.address)
  const interrupted = listenForInterrupt()
  try {
    log(`Sluice on ${place.description}\n`)
    process.exitCode = await showTour({ place, processes, sluice }, interrupted)
    processes.end()
    if (!once && process.exitCode !== 130) await servePage(sluice, interrupted)
  } finally {
    await within(closeDeadlineMs, sluice.close({ timeout: '500ms' }))
    await within(closeDeadlineMs, place.remove())
  }
}

/**
 * @param {import('./tour/tour.js').Context} context
 * @param {Promise<'interrupted'>} interrupted
 */
async function showTour(context, interrupted) {
  const { exitCodeOf } = await import('./tour/run-steps.js')
  const { inkFor } = await import('./tour/show.js')
  const { runTour } = await import('./tour/tour.js')
  let over = false
  const tour = runTour(context, inkFor(), (line) => over || log(line))
  const results = await Promise.race([tour, interrupted])
  over = true
  return results === 'interrupted' ? 130 : exitCodeOf(results)
}

/**
 * @param {import('sluice').Sluice} sluice
 * @param {Promise<'interrupted'>} interrupted
 */
async function servePage(sluice, interrupted) {
  const { serveDashboard } = await import('sluice/dashboard')
  const { startActivity } = await import('./tour/activity.js')
  const server = await serveDashboard(sluice)
  const activity = new AbortController()
  startActivity(sluice, activity.signal)
  log(`\nThe status page is on ${server.url}, with a little activity to look at. Ctrl-C ends it.`)
  await interrupted
  activity.abort()
  await server.close()
}

/** Closing must not keep anyone waiting, and what it cannot close is not worth a failure. */
async function within(/** @type {number} */ ms, /** @type {Promise<unknown>} */ work) {
  const late = new Promise((resolve) => setTimeout(resolve, ms).unref())
  await Promise.race([work.catch(() => {}), late])
}

try {
  const { once = false, help = false } = readArguments()
  if (help) log(usage)
  else await main(once)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
// Whatever is still open by now, processes of the tour included, ends here.
process.exit()
