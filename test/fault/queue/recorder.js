// @ts-check
// Writes down what one process asks of its queues and what it is given. Each line is with the system
// before the process goes on: whoever is killed has written all that it did.
import { openSync, writeSync } from 'node:fs'
import { watchTurns } from '../locks/recorder.js'
import { monotonicMs } from '../outcomes/history.js'
import { keyOf } from './plan.js'

/**
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 * @typedef {{id: string, fence: number, attempt: number, data: import('./plan.js').Payload, schedule: import('../../../src/index.ts').ScheduleSlot | null}} Job
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
    /** One line, with the time. */
    note: write,
    /** To be called before the add. @param {string} queue @param {import('./plan.js').Nature} nature @param {string[]} keys @param {string} [strand] */
    adding(queue, nature, keys, strand) {
      write('adding', ++count, queue, nature, keys, strand)
      return count
    },
    /** @param {number} number @param {readonly {id: string, added: boolean}[]} jobs */
    added(number, jobs) {
      const isNew = jobs.map(({ added }) => added)
      write(
        'added',
        number,
        jobs.map(({ id }) => id),
        isNew,
      )
    },
    /** @param {number} number @param {unknown} error */
    refused(number, error) {
      const { outcome } = /** @type {{outcome?: string}} */ (Object(error))
      write('refused', number, outcome === 'not-applied' ? 'fail' : 'unknown', codeOf(error))
    },
    /** @param {string} queue @param {Job} job */
    began(queue, job) {
      const { id, fence, attempt } = job
      write('began', ++count, queue, keyOf(job), id, fence, attempt)
      return count
    },
    /** @param {number} number @param {'done' | 'failed'} how */
    ended: (number, how) => write('ended', number, how),
    /** @param {number} number @param {'ok' | 'stale' | 'unknown'} answer */
    settled: (number, answer) => write('settled', number, answer),
    close: () => turns.stop(),
  }
}
