// @ts-check
// A server whose clock can be set: its time is what a library says that is loaded before all others.
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { startServer } from '../servers.js'
import { compileShim } from '../shims/shims.js'

/**
 * @typedef {object} Clock
 * @property {(ms: number) => void} set how far ahead of the machine's clock the server's is; may be negative
 */

/** @param {string} file */
function createOffset(file) {
  const descriptor = openSync(file, 'w+')
  ftruncateSync(descriptor, 8)
  return {
    /** @param {number} ms */
    set(ms) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt(Math.round(ms * 1_000)))
      writeSync(descriptor, bytes, 0, 8, 0)
    },
    close() {
      closeSync(descriptor)
      rmSync(file, { force: true })
    },
  }
}

/** @param {import('../server.js').Server} server */
async function readClockMs(server) {
  const [seconds, microseconds] = /** @type {string[]} */ (await server.command('TIME'))
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000
}

/**
 * @param {string} folder
 * @param {import('../server.js').ServerOptions} options
 * @returns {Promise<{server: import('../server.js').Server, clock: Clock} | {problem: string}>}
 */
export async function startSkewed(folder, options) {
  const shim = await compileShim('clock-skew', folder)
  if ('problem' in shim) return shim
  const file = path.join(folder, 'clock-offset')
  const offset = createOffset(file)
  const prefix = ['env', `LD_PRELOAD=${shim.library}`, `CLOCK_SKEW_FILE=${file}`]
  const server = await startServer({ ...options, prefix })
  offset.set(3_600_000)
  const isSet = (await readClockMs(server)) - Date.now() > 3_000_000
  offset.set(0)
  if (isSet) return { server, clock: offset }
  await server.close()
  offset.close()
  return { problem: 'the server does not take its time from the library that was loaded for it' }
}
