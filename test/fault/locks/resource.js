// @ts-check
// What the locks guard: the highest fence that has written, for each name. It is kept by the process
// that starts the others, where no fault reaches it.
import { monotonicMs } from '../outcomes/history.js'

/**
 * @typedef {[number: number, name: string, fence: number]} WriteRequest of a lease
 * @typedef {ReturnType<typeof createResource>} Resource
 * @typedef {ReturnType<typeof connectResource>} ResourceClient
 */

/** @param {(tag: string, atMs: number, ...fields: unknown[]) => void} note */
export function createResource(note) {
  /** @type {Map<string, number>} */
  const highest = new Map()
  return {
    /** Takes no write whose fence is below the highest. @param {string} who @param {readonly WriteRequest[]} writes */
    write(who, writes) {
      const atMs = monotonicMs()
      for (const [number, name, fence] of writes) {
        const isAccepted = fence >= (highest.get(name) ?? 0)
        if (isAccepted) highest.set(name, fence)
        note('write', atMs, who, number, name, fence, isAccepted)
      }
    },
  }
}

/** The way to it from another process: the writes of a tick go together, and are answered together. */
export function connectResource() {
  /** @type {WriteRequest[]} */
  let writes = []
  /** @type {(() => void)[]} */
  let callers = []
  /** @type {(() => void)[][]} */
  const sent = []
  function flush() {
    process.send?.({ writes })
    sent.push(callers)
    writes = []
    callers = []
  }
  return {
    /** @param {number} number @param {string} name @param {number} fence @returns {Promise<void>} */
    write(number, name, fence) {
      if (writes.length === 0) setImmediate(flush)
      writes.push([number, name, fence])
      return new Promise((resolve) => callers.push(resolve))
    },
    /** The first of the messages on their way was answered. */
    answered() {
      for (const resolve of sent.shift() ?? []) resolve()
    },
  }
}
