// @ts-check
// Asks limiters for takes and writes down what they let through, and what they may never do.
import { openSync, writeSync } from 'node:fs'
import { monotonicMs } from '../outcomes/history.js'
import { watchStalls } from '../outcomes/recorder.js'
import { PLANS } from './plan.js'

/**
 * @typedef {import('../../../src/index.ts').Limiter} Limiter
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 *
 * @typedef {object} Counts of takes so far
 * @property {number[]} decided of each plan: allowed or refused
 * @property {number} refused
 * @property {number} unknown
 * @property {number} notApplied
 *
 * @typedef {object} Group takes of one key that are asked for together
 * @property {number} plan
 * @property {number} key
 * @property {number} withinMs the deadline of each
 */

/** What a timer of a busy machine may add to a deadline. */
const GRACE_MS = 250
/** A microsecond: a refusal tells its wait in those. */
const ROUNDED_MS = 0.001

/** Whole microseconds are enough, and half the file. @param {number} ms */
const floorUs = (ms) => Math.floor(ms * 1_000) / 1_000

/** @param {string} file */
function createLines(file) {
  const descriptor = openSync(file, 'a')
  let text = ''
  // All of a tick in one write: what a killed process had not written yet is as old as a tick.
  function flush() {
    if (text !== '') writeSync(descriptor, text)
    text = ''
  }
  process.on('exit', flush)
  return {
    flush,
    /** @param {string} tag @param {number} atMs @param {unknown[]} fields */
    write(tag, atMs, ...fields) {
      if (text === '') setImmediate(flush)
      text += `${JSON.stringify([tag, floorUs(atMs + ROUNDED_MS), ...fields])}\n`
    },
  }
}

/** @param {string} file */
export function createRecorder(file) {
  const { write, flush } = createLines(file)
  const stalls = watchStalls()
  /** @type {Counts} */
  const counts = { decided: PLANS.map(() => 0), refused: 0, unknown: 0, notApplied: 0 }
  /** @type {Set<{plan: number, sentMs: number}>} */
  const open = new Set()

  /** @param {string} message */
  const crash = (message) => write('crashed', monotonicMs(), message)
  process.on('unhandledRejection', (reason) => crash(`rejected unhandled: ${String(reason)}`))
  process.on('uncaughtException', (error) => crash(`thrown uncaught: ${error.stack}`))

  /** @param {number} plan @param {unknown} error */
  function failed(plan, error) {
    const { code, outcome, message } = /** @type {Record<string, unknown>} */ (Object(error))
    if (code === 'SLUICE_ENGINE_UNAVAILABLE' && outcome === 'unknown') counts.unknown++
    else if (code === 'SLUICE_ENGINE_UNAVAILABLE' && outcome === 'not-applied') counts.notApplied++
    else write('odd', monotonicMs(), plan, `${code ?? ''} ${outcome ?? ''} ${message ?? error}`)
  }

  return {
    counts,
    /**
     * Takes once for each of the costs, all in one tick. Answers whether all were answered.
     *
     * @param {Limiter} limiter @param {Group} group @param {readonly number[]} costs
     */
    async take(limiter, { plan, key, withinMs }, costs) {
      const { periodMs = 0 } = PLANS[plan] ?? {}
      const entry = { plan, sentMs: monotonicMs() }
      const stalledMs = stalls.totalMs()
      open.add(entry)
      let units = 0
      let answered = 0
      const one = async (/** @type {number} */ cost) => {
        try {
          const { allowed, retryAfterMs } = await limiter.take(`key-${key}`, { cost })
          answered++
          if (allowed) units += cost
          else if (retryAfterMs === null || retryAfterMs > periodMs + ROUNDED_MS) {
            write('odd', monotonicMs(), plan, `a wait of ${retryAfterMs} ms`)
          }
          if (!allowed) counts.refused++
        } catch (error) {
          failed(plan, error)
        }
      }
      await Promise.all(costs.map(one))
      open.delete(entry)
      const atMs = monotonicMs()
      const tookMs = atMs - entry.sentMs - (stalls.totalMs() - stalledMs)
      if (units > 0) write('admitted', atMs, plan, key, floorUs(entry.sentMs), units)
      if (tookMs > withinMs + GRACE_MS) write('late', atMs, plan, floorUs(entry.sentMs), tookMs)
      counts.decided[plan] = (counts.decided[plan] ?? 0) + answered
      return answered === costs.length
    },
    close() {
      for (const { plan, sentMs } of open) write('late', monotonicMs(), plan, sentMs, null)
      stalls.stop()
      flush()
    },
  }
}
