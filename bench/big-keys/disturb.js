// @ts-check
// How long a client's pings take while nothing happens, and then while something is removed.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../kit/contention.js'
import { CLIENT_CORE, pin } from '../kit/cores.js'

/** @typedef {{ atMs: number, tookMs: number }} Ping */

const SETTLE_MS = 300
const DEADLINE_MS = 120_000

/** @param {string} file @param {readonly string[]} args */
function start(file, args) {
  const child = fork(path.join(import.meta.dirname, file), [...args])
  pin(child.pid, CLIENT_CORE)
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  return {
    pid: child.pid ?? 0,
    /** @param {boolean} [asks] @returns {Promise<any>} */
    async next(asks = true) {
      const message = once(child, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
      if (asks) child.send('go')
      return (await message)[0]
    },
    end() {
      end()
      process.off('exit', end)
    },
  }
}

/**
 * @param {number} port
 * @param {string} method
 * @param {number} idleMs
 */
export async function disturb(port, method, idleMs) {
  const pinger = start('pings.js', [`${port}`])
  const remover = start('remove.js', [method, `${port}`])
  // They share a core, and would not have to: what is asked is how long the server lets others wait.
  setPriority(remover.pid, constants.priority.PRIORITY_LOW)
  try {
    await remover.next(false)
    await delay(SETTLE_MS)
    await pinger.next()
    await delay(idleMs)
    const idle = /** @type {Ping[]} */ (await pinger.next())
    const startMs = performance.now()
    await remover.next()
    const tookMs = performance.now() - startMs
    const busy = /** @type {Ping[]} */ (await pinger.next())
    const p99 = (/** @type {Ping[]} */ pings) =>
      percentile(
        pings.map((ping) => ping.tookMs),
        0.99,
      )
    const ratio = p99(busy) / p99(idle)
    return { idle, busy, tookMs, idleP99Ms: p99(idle), busyP99Ms: p99(busy), ratio }
  } finally {
    pinger.end()
    remover.end()
  }
}
