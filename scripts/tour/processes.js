// @ts-check
// The processes that take part in the tour: started here, asked questions, and gone with it.
import { spawn } from 'node:child_process'
import path from 'node:path'

/**
 * @typedef {object} Participant a process in a role
 * @property {number} pid
 * @property {(question: string, details?: object) => Promise<unknown>} ask
 * @property {(signal: NodeJS.Signals) => void} kill
 * @property {Promise<void>} ended
 * @property {() => Promise<void>} rest gives up the role; the process waits for its next one
 *
 * @typedef {object} Processes
 * @property {(role: string) => Promise<Participant>} start a process in the role of `processes/<role>.js`
 * @property {() => void} end all of them, whatever they do
 *
 * @typedef {{ number: number, question: string, details: object }} Question
 * @typedef {{ number: number, value?: unknown, error?: string }} Answer
 * @typedef {{ resolve: (value: unknown) => void, reject: (error: Error) => void }} Open
 */

const program = path.join(import.meta.dirname, 'processes', 'participant.js')
const ANSWER_DEADLINE_MS = 60_000

/** @param {import('./place.js').Address} address @returns {Processes} */
export function createProcesses(address) {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  const running = new Set()
  /** Rested ones, because starting Node and loading a package takes longer than most steps. */
  const resting = /** @type {Omit<Participant, 'rest'>[]} */ ([])

  function spawnOne() {
    const child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, SLUICE_TOUR: JSON.stringify(address) },
    })
    running.add(child)
    child.once('close', () => running.delete(child))
    return talkTo(child)
  }

  function end() {
    // SIGKILL reaches a frozen process too.
    for (const child of running) child.kill('SIGKILL')
    resting.length = 0
  }
  process.on('exit', end)

  return {
    async start(role) {
      const one = resting.pop() ?? spawnOne()
      await one.ask('become', { role })
      const rest = async () => {
        await one.ask('rest')
        resting.push(one)
      }
      return { ...one, rest }
    },
    end,
  }
}

/** @param {import('node:child_process').ChildProcess} child */
function talkTo(child) {
  /** @type {Map<number, Open>} */
  const open = new Map()
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      const error = new Error(`process ${child.pid} ended by ${signal ?? `exit code ${code}`}`)
      for (const { reject } of open.values()) reject(error)
      resolve()
    })
  })
  // What could not be started ends at once, which its questions are told.
  child.on('error', () => {})
  child.on('message', (/** @type {Answer} */ { number, value, error }) => {
    if (error === undefined) open.get(number)?.resolve(value)
    else open.get(number)?.reject(new Error(`process ${child.pid}: ${error}`))
  })
  let asked = 0
  return {
    pid: child.pid ?? 0,
    /** @param {string} question @param {object} [details] */
    ask: (question, details = {}) => ask(child, open, { number: ++asked, question, details }),
    kill: (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal),
    ended,
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {Map<number, Open>} open
 * @param {Question} question
 * @returns {Promise<unknown>}
 */
function ask(child, open, question) {
  const answered = new Promise((resolve, reject) => {
    open.set(question.number, { resolve, reject })
    child.send(question, (error) => error && reject(error))
  })
  const timer = setTimeout(() => {
    const seconds = ANSWER_DEADLINE_MS / 1000
    const text = `process ${child.pid} did not answer "${question.question}" in ${seconds} s`
    open.get(question.number)?.reject(new Error(text))
  }, ANSWER_DEADLINE_MS)
  return answered.finally(() => {
    clearTimeout(timer)
    open.delete(question.number)
  })
}
