// @ts-check
// What a cell of the outage matrix remembers: one JSON line for each thing that happened, on a clock
// that all processes of a machine share.
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * @typedef {object} Failure
 * @property {string} name
 * @property {string} message
 * @property {boolean} isSluice whether it is a SluiceError
 * @property {string} [code]
 * @property {boolean} [retryable]
 * @property {string} [outcome]
 *
 * @typedef {object} Call one call of a public method
 * @property {'call'} line
 * @property {string} op
 * @property {string} by which Sluice
 * @property {number} startMs
 * @property {number | null} endMs null for one that never settled
 * @property {number} stalledMs how long the event loop of the caller stood still meanwhile
 * @property {number} allowedMs by which it has to settle
 * @property {Failure} [failure] none when it resolved
 * @property {string} [queue]
 * @property {string[]} [payloads]
 * @property {string[]} [ids]
 * @property {string} [key] of a limiter
 * @property {boolean} [allowed]
 *
 * @typedef {object} DeliveryLine
 * @property {'delivery'} line
 * @property {string} queue
 * @property {string} payload
 * @property {string} id
 * @property {number} fence
 * @property {number} atMs
 *
 * @typedef {object} LeaseLine one ownership, as its holder saw it
 * @property {'lease'} line
 * @property {string} lock
 * @property {string} owner
 * @property {number} fence
 * @property {number} askedMs
 * @property {number} gotMs
 * @property {number} untilMs when its release was asked for, or its loss was told
 *
 * @typedef {object} EventLine
 * @property {'event'} line
 * @property {'unavailable' | 'available' | 'reset'} name
 * @property {string} by
 * @property {number} atMs
 * @property {string} [reason]
 *
 * @typedef {object} StrayLine what nobody handled: a rejection, an exception, a warning
 * @property {'stray'} line
 * @property {string} what
 *
 * @typedef {object} HygieneLine what is left after `close()`
 * @property {'hygiene'} line
 * @property {number} closeMs
 * @property {string[]} handlesBefore
 * @property {string[]} handlesAfter
 * @property {number} heapBeforeBytes
 * @property {number} heapAfterBytes
 * @property {string[]} healthLies where `health()` and the events told different things
 *
 * @typedef {object} StallLine the event loop of the program stood still, so it could tell nothing
 * @property {'stall'} line
 * @property {number} fromMs
 * @property {number} untilMs
 *
 * @typedef {object} RestLine what the queues hold after everything was drained
 * @property {'rest'} line
 * @property {string} queue
 * @property {{ready: number, timed: number, inFlight: number, dead: number}} counts
 *
 * @typedef {Call | DeliveryLine | LeaseLine | EventLine | StrayLine | HygieneLine | StallLine | RestLine} Line
 */

/** Monotonic, and the same in all processes of this machine. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** @param {string} file */
export function openHistory(file) {
  const descriptor = openSync(file, 'a')
  return {
    /** @param {Line} line */
    append(line) {
      writeSync(descriptor, `${JSON.stringify(line)}\n`)
    },
    close: () => closeSync(descriptor),
  }
}

/** The last line may be torn when its process was killed. @param {string} file @returns {Line[]} */
export function readHistory(file) {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line))
}
