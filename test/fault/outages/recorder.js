// @ts-check
// Writes down what calls of the public interface come to, and how long the event loop stood still.
import { nowMs } from './history.js'

/**
 * @typedef {import('./history.js').Line} Line
 * @typedef {import('./history.js').Call} Call
 * @typedef {Pick<Call, 'op' | 'by' | 'allowedMs'> & Partial<Pick<Call, 'queue' | 'payloads' | 'key'>>} Plan
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 */

const LOOK_EVERY_MS = 10
const WORTH_TELLING_MS = 50

/** How late timers of this process have been so far, in all. @param {(line: Line) => void} append */
function measureStalls(append) {
  let totalMs = 0
  let dueMs = nowMs() + LOOK_EVERY_MS
  const timer = setInterval(() => {
    const now = nowMs()
    totalMs += Math.max(0, now - dueMs)
    if (now - dueMs > WORTH_TELLING_MS) append({ line: 'stall', fromMs: dueMs, untilMs: now })
    dueMs = now + LOOK_EVERY_MS
  }, LOOK_EVERY_MS)
  return {
    /** What is late right now counts as well. */
    totalMs: () => totalMs + Math.max(0, nowMs() - dueMs),
    stop: () => clearInterval(timer),
  }
}

/** @param {unknown} error @param {new (...args: never[]) => Error} SluiceError */
export function failureOf(error, SluiceError) {
  if (!(error instanceof Error)) {
    return { name: typeof error, message: String(error), isSluice: false }
  }
  const { code, retryable, outcome } =
    /** @type {{code?: string, retryable?: boolean, outcome?: string}} */ (error)
  return {
    name: error.name,
    message: error.message,
    isSluice: error instanceof SluiceError,
    ...(code === undefined ? {} : { code }),
    ...(retryable === undefined ? {} : { retryable }),
    ...(outcome === undefined ? {} : { outcome }),
  }
}

/**
 * @param {(line: Line) => void} append
 * @param {new (...args: never[]) => Error} SluiceError
 */
export function createRecorder(append, SluiceError) {
  const stalls = measureStalls(append)
  /** @type {Set<Call & {stallsBeforeMs: number}>} */
  const pending = new Set()

  /** @param {Call & {stallsBeforeMs: number}} entry @param {number | null} endMs @param {Partial<Call>} more */
  function finish({ stallsBeforeMs, ...call }, endMs, more) {
    append({ ...call, ...more, endMs, stalledMs: stalls.totalMs() - stallsBeforeMs })
  }

  return {
    append,
    /** How many calls are not settled. */
    get pendingCount() {
      return pending.size
    },
    /**
     * Makes a call and writes down how it ended; undefined when it failed.
     *
     * @template T
     * @param {Plan} plan
     * @param {() => Promise<T>} call
     * @param {(value: T) => Partial<Call>} [describe]
     * @returns {Promise<T | undefined>}
     */
    async call(plan, call, describe = () => ({})) {
      /** @type {Call & {stallsBeforeMs: number}} */
      const entry = {
        line: 'call',
        ...plan,
        ...{ startMs: nowMs(), endMs: null, stalledMs: 0, stallsBeforeMs: stalls.totalMs() },
      }
      pending.add(entry)
      try {
        const value = await call()
        finish(entry, nowMs(), describe(value))
        return value
      } catch (error) {
        finish(entry, nowMs(), { failure: failureOf(error, SluiceError) })
        return undefined
      } finally {
        pending.delete(entry)
      }
    },
    /** Writes down what never settled. */
    stop() {
      for (const entry of pending) finish(entry, null, {})
      stalls.stop()
    },
  }
}
