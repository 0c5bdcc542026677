// @ts-check
// What all processes of a run work on together.

export const WORKERS = 6
export const PRODUCERS = 2

/** The jobs of one are handled by workers; those of the other are taken and settled by hand. */
export const QUEUES = { worked: 'worked', taken: 'taken' }
/** Of consumers that take by hand it is not to be chosen. */
export const LEASE_MS = { worked: 2_000, taken: 15_000 }
export const MAX_CRASHES = 3
export const TIMEOUT_MS = 1_500
/** @type {import('../../../src/index.ts').QueueOptions} */
export const QUEUE_OPTIONS = {
  attempts: 5,
  backoff: { type: 'fixed', base: 100 },
  timeout: TIMEOUT_MS,
  maxCrashes: MAX_CRASHES,
}
export const CONCURRENCY = 8
export const COMMAND_TIMEOUT_MS = 2_000
/** Longer than any call may take: who still waits then waits for ever. */
export const PATIENCE_MS = 30_000

/**
 * What a job does to whoever works on it. `poison` kills each time. What is `bad` or `hanging` is so
 * the first time only: it throws what is no error, or never ends.
 * @typedef {'plain' | 'bad' | 'hanging' | 'poison'} Nature
 *
 * @typedef {{key: string, nature: Nature}} Payload
 */

/** A process has one name for its place, and one for each life in it: `worker-1` and `worker-1.3`. @param {string} who */
export const placeOf = (who) => who.replace(/\.\d+$/, '')
