// @ts-check
// Writes down what one process asks of its queues and is given, and with which gates.
import { watchTurns } from '../locks/recorder.js'
import { createRecorder as createQueueRecorder } from '../queue/recorder.js'

/**
 * @typedef {import('../queue/recorder.js').Job & {gates: readonly {gate: string, fence: number | null}[], signal: AbortSignal}} Job
 */

/** @param {string} file @returns {import('../queue/recorder.js').Recorder} */
export function createRecorder(file) {
  const own = createQueueRecorder(file)
  const turns = watchTurns((fromMs) => own.note('paused', fromMs))
  return {
    ...own,
    /** @param {string} queue @param {import('../queue/recorder.js').Job} job */
    began(queue, job) {
      const { gates, signal } = /** @type {Job} */ (job)
      const number = own.began(queue, job)
      own.note(
        'entered',
        number,
        gates.map(({ gate, fence }) => [gate, fence]),
      )
      const tell = () => own.note('told', number)
      if (signal.aborted) tell()
      else signal.addEventListener('abort', tell, { once: true })
      return number
    },
    close() {
      turns.stop()
      own.close()
    },
  }
}
