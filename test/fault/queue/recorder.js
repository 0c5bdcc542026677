// @ts-check
// Writes down what one process asks of its queues and what it is given. Each line is with the system
// before the process goes on: whoever is killed has written all that it did.
import { openSync, writeSync } from 'node:fs'
import { watchTurns } from '../locks/recorder.js'
import { monotonicMs } from '../outcomes/history.js'

/**
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 * @typedef {{id: string, fence: number, attempt: number, data: import('./plan.js').Payload}} Job
 */

/** Shorter than that no lease is in danger. */
const LONG_MS = 500

/** @param {unknown} error */
const codeOf = (error) => String(/** @type {{code?: string}} */ (Object(error)).code ?? error)

/** @param {string} file */
export function createRecorder(file) {
  const descriptor = openSync(file, 'a')
  let count = 0
  /** @param {string} tag @param {unknown[]} fields */
  function write(tag, ...fields) {
    writeSync(descriptor, `${JSON.stringify([tag, monotonicMs(), ...fields])}\n`)
  }
  const turns = watchTurns((fromMs, toMs) => {
    if (toMs - fromMs > LONG_MS) write('stalled', fromMs)
  })
  process.on('unhandledRejection', (reason) => write('crashed', `not handled: ${String(reason)}`))
  process.on('uncaughtException', (error) => write('crashed', `not caught: ${error.stack}`))

  return {
    /** To be called before the add. @param {string} queue @param {import('./plan.js').Nature} nature @param {string[]} keys */
    adding(queue, nature, keys) {
      write('adding', ++count, queue, nature, keys)
      return count
    },
    /** @param {number} number @param {string[]} ids */
    added: (number, ids) => write('added', number, ids),
    /** @param {number} number @param {unknown} error */
    refused(number, error) {
      const { outcome } = /** @type {{outcome?: string}} */ (Object(error))
      write('refused', number, outcome === 'not-applied' ? 'fail' : 'unknown', codeOf(error))
    },
    /** @param {string} queue @param {Job} job */
    began(queue, { id, fence, attempt, data }) {
      write('began', ++count, queue, data.key, id, fence, attempt)
      return count
    },
    /** @param {number} number @param {'done' | 'failed'} how */
    ended: (number, how) => write('ended', number, how),
    /** @param {number} number @param {'ok' | 'stale' | 'unknown'} answer */
    settled: (number, answer) => write('settled', number, answer),
    close: () => turns.stop(),
  }
}
