// @ts-check
// One process of a run: it is told its plan as it starts, writes in a file of its own, and may be
// ended by anybody at any moment.
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** @typedef {ReturnType<typeof startChild>} Child */

/**
 * @param {string} program
 * @param {string} who
 * @param {{folder: string, plan: object, onMessage?: (message: any) => void, env?: Record<string, string>}} options
 *   the plan gets the file beside what it has, and the environment what is here
 */
export function startChild(program, who, { folder, plan, onMessage = () => {}, env = {} }) {
  const file = path.join(folder, `${who}.jsonl`)
  // There to be read, even if the process is killed before it begins.
  writeFileSync(file, '')
  const child = fork(program, [JSON.stringify({ ...plan, file })], {
    env: { ...process.env, ...env },
  })
  // Whoever is killed may have been sent something that does not arrive any more.
  child.on('error', () => {})
  child.on('message', onMessage)
  /** @type {Promise<number | string | null>} */
  const exit = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
  return {
    who,
    file,
    exit,
    /** @param {NodeJS.Signals} signal */
    kill: (signal) => child.kill(signal),
    /** @param {object | string} message */
    tell(message) {
      if (child.connected) child.send(message, () => {})
    },
  }
}
