// @ts-check
// Runs a child process to its end. Output is collected, or passed straight through.
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [argv0]
 * @property {number} [timeoutMs] the child is killed when it takes longer
 * @property {boolean} [passThrough] show the output as it comes instead of collecting it
 *
 * @typedef {object} RunResult
 * @property {number} code exit code; 1 for a child that was killed or could not be started
 * @property {string} output stdout and stderr in the order they arrived
 */

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

// A runner that is told to end takes its children along: nobody else knows their ids.
process.on('exit', () => {
  for (const child of running) child.kill()
})

/**
 * Standard input is closed: nothing here may ever wait for a person.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, { cwd, env, argv0, timeoutMs, passThrough = false } = {}) {
  const output = passThrough ? 'inherit' : 'pipe'
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', output, output],
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    })
    running.add(child)
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    child.stderr?.setEncoding('utf8').on('data', (chunk) => (text += chunk))

    /** @param {number} code @param {string} [note] */
    const settle = (code, note = '') => {
      running.delete(child)
      resolve({ code, output: text + note })
    }
    child.on('error', (error) => settle(1, `${command}: ${error.message}`))
    child.on('close', (code, signal) =>
      signal === null ? settle(code ?? 1) : settle(1, `${command} ended by ${signal}\n`),
    )
  })
}

/**
 * Is this module the one that `node` was asked to run?
 *
 * @param {ImportMeta} meta
 */
export function isMain(meta) {
  const script = process.argv[1]
  return script !== undefined && realpathSync(script) === meta.filename
}
