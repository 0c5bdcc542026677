// @ts-check
// A competitor in a process of its own, on the core of the clients.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { CLIENT_CORE, pin } from './cores.js'

const STEP_TIMEOUT_MS = 120_000

/**
 * @typedef {object} Outcome of one measurement
 * @property {number} count
 * @property {number} elapsedMs
 * @property {number} cpuUs of the competitor's process
 * @property {number} serverUs CPU of the server meanwhile
 * @property {number} otherUs CPU of everything else on the machine meanwhile
 *
 * @typedef {object} Competitor
 * @property {string} name of its file
 * @property {string} label with its version
 * @property {string} settings
 * @property {() => Promise<void>} check rejects when it does not do the work
 * @property {(task: object) => Promise<Outcome>} measure
 * @property {() => void} stop
 *
 * @typedef {{ name: string, label: string, reason: string }} Absent a peer that could not run
 *
 * @typedef {{ type: 'ready', label: string, settings: string }
 *   | { type: 'absent', label: string, reason: string }
 *   | { type: 'failed', reason: string }
 *   | { type: 'checked' }
 *   | { type: 'measured', outcome: Outcome }} Message
 */

/**
 * @param {string} bench
 * @param {string} name
 * @param {number} port of the server
 * @returns {Promise<Competitor | Absent>}
 */
export async function startCompetitor(bench, name, port) {
  const child = fork(path.join(import.meta.dirname, 'process.js'), [bench, name, `${port}`])
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  pin(child.pid, CLIENT_CORE)

  /** @type {Promise<Message>} */
  const ended = once(child, 'exit').then(([code]) => ({
    type: 'failed',
    reason: `its process ended (${code})`,
  }))

  /** Sends a step, if any, and waits for what comes back. @param {object} [step] @returns {Promise<Message>} */
  const next = async (step) => {
    const message = once(child, 'message', { signal: AbortSignal.timeout(STEP_TIMEOUT_MS) })
    if (step !== undefined) child.send(step)
    return Promise.race([message.then(([first]) => first), ended]).catch(() => ({
      type: 'failed',
      reason: `no answer within ${STEP_TIMEOUT_MS / 1000} s`,
    }))
  }

  const ready = await next()
  if (ready.type === 'absent') {
    stop()
    process.off('exit', stop)
    return { name, label: ready.label, reason: ready.reason }
  }
  if (ready.type !== 'ready') throw unexpected(`${bench}: ${name}`, ready)
  return {
    name,
    label: ready.label,
    settings: ready.settings,
    async check() {
      const message = await next({ step: 'check' })
      if (message.type !== 'checked') throw unexpected(`${bench}: ${ready.label}`, message)
    },
    async measure(task) {
      const message = await next({ step: 'measure', task })
      if (message.type !== 'measured') throw unexpected(`${bench}: ${ready.label}`, message)
      return message.outcome
    },
    stop() {
      stop()
      process.off('exit', stop)
    },
  }
}

/** @param {string} who @param {Message} message */
const unexpected = (who, message) =>
  new Error(`${who}: ${'reason' in message ? message.reason : `answered ${message.type}`}`)
