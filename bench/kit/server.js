// @ts-check
// A fresh server of one bench, on a free port of this machine.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findPort } from '../../scripts/ports.js'
import { provideRedisServer } from '../../scripts/redis-server.js'
import { pin, SERVER_CORE } from './cores.js'

const START_TIMEOUT_MS = 10_000

/**
 * @typedef {object} BenchServer
 * @property {number} port
 * @property {string} version
 * @property {readonly string[]} settings
 * @property {{ file: string, env: Record<string, string> }} tool where its redis-cli would be
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<BenchServer>} */
export async function startServer() {
  const { binary, argv0, env, version } = await provideRedisServer({ log: console.error })
  const port = await findPort()
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'))
  const settings = ['--save', '', '--appendonly', 'no']
  const place = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  const child = spawn(binary, [...place, ...settings], {
    argv0,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  const end = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', end)
  await waitUntilReady(child, port)
  pin(child.pid, SERVER_CORE)
  return {
    port,
    version,
    settings,
    tool: { file: path.join(path.dirname(binary), 'redis-cli'), env },
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      end()
      await exited
      process.off('exit', end)
    },
  }
}

/** @param {import('node:child_process').ChildProcess} child @param {number} port */
async function waitUntilReady(child, port) {
  const deadlineMs = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with code ${child.exitCode}`)
    // Another server on the port would answer as well; only ours has this process id.
    if ((await ask(port, 'INFO server')).includes(`process_id:${child.pid}\r\n`)) return
    await delay(10)
  }
  throw new Error(`redis-server is silent after ${START_TIMEOUT_MS} ms`)
}

/** Microseconds of CPU that the server has used so far. @param {number} port */
export async function serverCpuUs(port) {
  const info = await ask(port, 'INFO cpu')
  const seconds = (/** @type {string} */ field) =>
    Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)?.[1])
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6
}

/** Every measurement begins with an empty database. @param {number} port */
export async function emptyServer(port) {
  const answer = await ask(port, 'FLUSHALL SYNC')
  if (answer !== '+OK\r\n') throw new Error(`FLUSHALL was answered with ${answer || 'nothing'}`)
}

/** One inline command; empty when there is no answer. @param {number} port @param {string} command */
export function ask(port, command) {
  return new Promise((/** @type {(answer: string) => void} */ resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    const settle = (/** @type {string} */ answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2_000, () => settle(''))
    socket.once('data', (data) => settle(data.toString()))
    socket.once('error', () => settle(''))
    socket.once('close', () => settle(''))
  })
}
