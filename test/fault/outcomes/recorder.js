// @ts-check
// Writes down what one process asks for and is answered, as it happens.
import { appendFileSync } from 'node:fs'
import { monotonicMs } from './history.js'

/**
 * @typedef {import('./history.js').Details} Details
 * @typedef {import('./history.js').Note} Note
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 */

/** A timer that comes later than this shows that the process could not run. */
const TICK_MS = 10
const FLUSH_MS = 100

/** How long this process has been kept from running, all in all. */
export function watchStalls() {
  let lastMs = monotonicMs()
  let stalledMs = 0
  const lateMs = () => Math.max(0, monotonicMs() - lastMs - TICK_MS - 1)
  const timer = setInterval(() => {
    stalledMs += lateMs()
    lastMs = monotonicMs()
  }, TICK_MS)
  return { totalMs: () => stalledMs + lateMs(), stop: () => clearInterval(timer) }
}

/** @param {unknown} error */
function failureOf(error) {
  const { code, outcome, message } = /** @type {Record<string, unknown>} */ (Object(error))
  // What does not say that nothing happened may have happened.
  const end = outcome === 'not-applied' ? 'fail' : 'unknown'
  return { end, code, outcome, message: String(message ?? error) }
}

/** @param {string} who @param {string} file */
export function createRecorder(who, file) {
  /** @type {string[]} */
  let lines = []
  let callCount = 0
  let endedCount = 0
  const stalls = watchStalls()
  /** @param {object} record */
  const write = (record) => void lines.push(`${JSON.stringify({ who, ...record })}\n`)
  const flush = () => {
    if (lines.length > 0) appendFileSync(file, lines.join(''))
    lines = []
  }
  const timer = setInterval(flush, FLUSH_MS)
  process.on('exit', flush)

  /** @param {Record<string, unknown> & {note: Note['note']}} record */
  const note = (record) => write({ ...record, atMs: monotonicMs() })
  process.on('unhandledRejection', (reason) =>
    note({ note: 'crash', message: `rejected unhandled: ${String(reason)}` }),
  )
  process.on('uncaughtException', (error) =>
    note({ note: 'crash', message: `thrown uncaught: ${error.stack}` }),
  )

  return {
    note,
    get endedCount() {
      return endedCount
    },
    /**
     * Makes one call and writes down both ends of it. Undefined where it was rejected.
     *
     * @template T
     * @param {string} op
     * @param {number} withinMs
     * @param {Details} details
     * @param {() => Promise<T>} run
     * @param {(result: T) => Details} [tell]
     * @returns {Promise<{result: T} | undefined>}
     */
    async call(op, withinMs, details, run, tell = () => ({})) {
      const call = ++callCount
      const stalledBeforeMs = stalls.totalMs()
      write({ call, op, ...details, withinMs, invokedMs: monotonicMs() })
      /** @param {object} end */
      const close = (end) => {
        const endedMs = monotonicMs()
        endedCount++
        write({ call, endedMs, stalledMs: stalls.totalMs() - stalledBeforeMs, ...end })
      }
      try {
        const result = await run()
        close({ end: 'ok', ...tell(result) })
        return { result }
      } catch (error) {
        close(failureOf(error))
        return undefined
      }
    },
    close() {
      stalls.stop()
      clearInterval(timer)
      flush()
    },
  }
}
