// @ts-check
// A competitor in a process of its own, on the core of the clients.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { CLIENT_CORE, pin } from './cores.js'

const STEP_TIMEOUT_MS = 120_000

/** Nothing outlives this process. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * @typedef {object} Outcome of one measurement
 * @property {number} count
 * @property {number} elapsedMs
 * @property {number} cpuUs of the competitor's process
 * @property {number} serverUs CPU of the server meanwhile
 * @property {number} otherUs CPU of everything else on the machine meanwhile
 * @property {Record<string, number>} [values] where the bench does not ask for the speed
 * @property {string} [note] what a reader of the figures must know
 *
 * @typedef {object} Competitor
 * @property {string} name of its file
 * @property {string} label with its version
 * @property {string} settings
 * @property {() => Promise<void>} check rejects when it does not do the work
 * @property {(task: object) => Promise<Outcome>} measure
 * @property {(task: object) => Promise<unknown>} part of what several processes do together
 * @property {() => void} stop
 *
 * @typedef {{ name: string, label: string, reason: string }} Absent a peer that could not run
 *
 * @typedef {{ type: 'ready', label: string, settings: string }
 *   | { type: 'absent', label: string, reason: string }
 *   | { type: 'failed', reason: string }
 *   | { type: 'checked' }
 *   | { type: 'measured', outcome: Outcome }
 *   | { type: 'parted', part: unknown }} Message
 */

/**
 * @param {string} bench
 * @param {string} name
 * @param {string} place where it works
 * @param {number} [core]
 * @returns {Promise<Competitor | Absent>}
 */
export async function startCompetitor(bench, name, place, core = CLIENT_CORE) {
  const child = fork(path.join(import.meta.dirname, 'process.js'), [bench, name, place])
  running.add(child)
  const stop = () => {
    child.kill('SIGKILL')
    running.delete(child)
  }
  pin(child.pid, core)

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
    async part(task) {
      const message = await next({ step: 'part', task })
      if (message.type !== 'parted') throw unexpected(`${bench}: ${ready.label}`, message)
      return message.part
    },
    stop,
  }
}

/** @param {string} who @param {Message} message */
const unexpected = (who, message) =>
  new Error(`${who}: ${'reason' in message ? message.reason : `answered ${message.type}`}`)
