// @ts-check
// One system in one outage, with a server of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs } from '../outages/history.js'
import { measure } from './measure.js'
import { readRecords } from './records.js'

/**
 * @typedef {import('../outages/cells.js').Cell} Cell
 * @typedef {import('./systems.js').System} System
 *
 * @typedef {object} Trial
 * @property {Cell} cell
 * @property {System} system
 * @property {number} round
 * @property {string} folder where records go
 * @property {<T>(start: () => Promise<T>) => Promise<T>} startInTurn
 */

const PROGRAM = path.join(import.meta.dirname, 'program.js')
const WARM_WITHIN_MS = 30_000
/** The program observes for 60 s after healing, and then asks the server. */
const END_WITHIN_MS = 90_000

/** @param {Trial} trial */
export async function runTrial({ cell, system, round, folder, startInTurn }) {
  const name = `${cell.kind.name}-${system.name.replaceAll(/\W+/g, '-')}-${round}`
  const file = path.join(folder, `${name}.jsonl`)
  const start = cell.kind.topologies[cell.topology]
  if (start === undefined) throw new Error(`${cell.name} has no servers.`)
  const { ground, child } = await startInTurn(async () => {
    const servers = await start()
    const { hostname, port } = new URL(servers.url)
    const settings = {
      ...{ system: system.name, host: hostname, port: Number(port), file },
      directPort: servers.nodes[0]?.port,
    }
    const program = fork(PROGRAM, [JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let complaints = ''
    program.stderr?.setEncoding('utf8').on('data', (text) => {
      complaints = `${complaints}${text}`.slice(-2_000)
    })
    const warm = await Promise.race([
      once(program, 'message').then(() => true),
      once(program, 'exit').then(() => false),
      delay(WARM_WITHIN_MS, false, { ref: false }),
    ])
    if (!warm) {
      program.kill('SIGKILL')
      await servers.close()
      throw new Error(`${name} did not get going. ${complaints}`)
    }
    return { ground: servers, child: program }
  })
  try {
    let faults = 1
    const count = () => {
      faults += 1
    }
    const exit = once(child, 'exit')
    const beginMs = nowMs()
    const end = await cell.kind.begin({
      ...{ ground, topology: cell.topology, lengthMs: cell.lengthMs, count },
    })
    await delay(Math.max(0, beginMs + cell.lengthMs - nowMs()))
    await end()
    const healedMs = nowMs()
    if (child.connected) child.send('healed', () => {})
    await Promise.race([exit, delay(END_WITHIN_MS, undefined, { ref: false })])
    const crash = child.exitCode === 0 ? 0 : 1
    const figures = measure(readRecords(file), { beginMs, healedMs })
    return { faults, figures: { ...figures, strays: figures.strays + crash } }
  } finally {
    child.kill('SIGKILL')
    await ground.close()
  }
}
