// @ts-check
// One client in a process of its own: runs the cases that it is sent, one after the other.
// Started by ../client.js with the name of the client and the port.
import { clients } from './clients.js'

/**
 * @typedef {object} Task
 * @property {'get' | 'evalsha'} command
 * @property {number} inFlight
 * @property {number} durationMs
 * @property {string} sha1 of the script behind `evalsha`
 *
 * @typedef {{ calls: number, elapsedMs: number, cpuUs: number }} Outcome
 */

const KEYS = Array.from({ length: 1_000 }, (_, index) => `bench:{${index}}:state`)

const [name = '', port = ''] = process.argv.slice(2)
const open = clients[name]
if (open === undefined) throw new Error(`no client is called ${name}`)
const client = await open(Number(port))

/** Keeps `inFlight` calls under way: what is answered is asked again at once. @param {Task} task */
async function run({ command, inFlight, durationMs, sha1 }) {
  let calls = 0
  const endMs = performance.now() + durationMs
  const chain = async () => {
    while (performance.now() < endMs) {
      const key = KEYS[calls++ % KEYS.length] ?? ''
      await (command === 'get' ? client.get(key) : client.evalsha(sha1, key, 'owner', '30000000'))
    }
  }
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  await Promise.all(Array.from({ length: inFlight }, chain))
  const { user, system } = process.cpuUsage(startCpu)
  return { calls, elapsedMs: performance.now() - startMs, cpuUs: user + system }
}

process.on('message', (/** @type {Task} */ task) => {
  run(task).then(
    (outcome) => process.send?.(outcome),
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.once('disconnect', () => process.exit(0))
process.send?.('ready')
