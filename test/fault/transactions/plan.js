// @ts-check
// What all processes of a run work on together.

/** Few enough that several always want the same one. */
export const COUNTERS = Array.from({ length: 48 }, (_, index) => `counter:{${index}}`)
export const PROCESSES = 8
/** Increments that each process has under way. */
export const LANES = 6
export const COMMAND_TIMEOUT_MS = 2_000
/** A callback that computes for a while gives faults and others a chance to come in between. */
export const THINKS = { oneOf: 100, longestMs: 60 }
