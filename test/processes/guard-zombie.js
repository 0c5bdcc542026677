// @ts-check
// Holds a lock and makes sure of it, is frozen right then, and writes on waking as if no time had
// passed. No signal or timer can tell it anything in between: its event loop does not turn.
import { createSluice } from 'sluice'
import { resources } from './guard-resources.js'

const [url = '', prefix = '', id = '', places = '{}'] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix && { prefix }) })
/** @type {[string, string][]} what guards a resource, and where that is */
const placed = Object.entries(JSON.parse(places))
const opened = placed.map(([name, place]) => resources[name]?.open(place, id))

/** @param {number} balance @param {number} fence */
async function writeToAll(balance, fence) {
  const answers = opened.map((resource) => resource?.write(balance, fence))
  const written = await Promise.all(answers)
  return Object.fromEntries(placed.map(([name], index) => [name, written[index]]))
}

/** Resolves when the message has left this process. @param {unknown} message */
const tell = (message) => new Promise((resolve) => process.send?.(message, resolve))
process.once('disconnect', () => process.exit())

const lease = await sluice.lock(id, { ttl: '2s' }).acquire()
const written = await writeToAll(100, lease.fence)
await tell({ fence: lease.fence, written })

lease.assertHeld()
process.kill(process.pid, 'SIGSTOP')
const late = writeToAll(666, lease.fence)

await tell({ remainingMs: lease.remainingMs, written: await late })
process.disconnect?.()
