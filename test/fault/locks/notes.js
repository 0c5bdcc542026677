// @ts-check
// What the process writes down that starts the others: what their writes came to, and what befell
// them.
import { closeSync, openSync, writeSync } from 'node:fs'
import { monotonicMs } from '../outcomes/history.js'

/**
 * @typedef {ReturnType<typeof createNotes>} Notes
 *
 * @typedef {object} Injected a fault, for people
 * @property {number} atMs since the run began
 * @property {string} what
 */

const FLUSH_LINES = 1_000

/** @param {string} file @param {(what: string) => void} onFault */
export function createNotes(file, onFault) {
  const descriptor = openSync(file, 'a')
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
    /**
     * Notes a fault with the time that it took.
     *
     * @param {string} what
     * @param {import('./history.js').Effect} effect
     * @param {() => Promise<unknown>} inject
     */
    async fault(what, effect, inject) {
      onFault(what)
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
