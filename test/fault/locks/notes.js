// @ts-check
// What the process writes down that starts the others: what their writes came to, and what befell
// them.
import { closeSync, openSync, writeSync } from 'node:fs'
import { monotonicMs } from '../outcomes/history.js'

/** @typedef {ReturnType<typeof createNotes>} Notes */

const FLUSH_LINES = 1_000

/** @param {string} file */
export function createNotes(file) {
  const descriptor = openSync(file, 'a')
  const startMs = monotonicMs()
  const seconds = () => (monotonicMs() - startMs) / 1_000
  /** @type {string[]} */
  const faults = []
  /** @type {string[]} */
  let lines = []
  const flush = () => {
    writeSync(descriptor, lines.join(''))
    lines = []
  }
  /** @param {string} tag @param {number} atMs @param {unknown[]} fields */
  function note(tag, atMs, ...fields) {
    lines.push(`${JSON.stringify([tag, atMs, ...fields])}\n`)
    if (lines.length >= FLUSH_LINES) flush()
  }
  return {
    note,
    seconds,
    /** For people, with the second in which each began. */
    faults,
    /**
     * Notes a fault with the time that it took.
     *
     * @param {string} what
     * @param {import('./history.js').Effect} effect
     * @param {() => Promise<unknown>} inject
     */
    async fault(what, effect, inject) {
      faults.push(`${seconds().toFixed(1).padStart(5)} s  ${what}`)
      const fromMs = monotonicMs()
      try {
        await inject()
      } finally {
        note('fault', monotonicMs(), what, fromMs, effect)
      }
    },
    close() {
      flush()
      closeSync(descriptor)
    },
  }
}
