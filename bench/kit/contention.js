// @ts-check
// Many who want one lock: what each of them does, and what their times say. Times are read from
// the machine's monotonic clock, which all processes share.
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from './window.js'

/**
 * @typedef {() => Promise<unknown>} Release
 *
 * @typedef {object} Terms
 * @property {number} contenders of this process
 * @property {number} rounds how often each of them gets the lock
 * @property {number} holdMs
 * @property {number} startMs when all begin
 * @property {number} limitMs after which nobody goes on, nor is waited for
 *
 * @typedef {object} Acquisition in milliseconds of {@link nowMs}
 * @property {string} contender
 * @property {number} askedMs for the first time, when it was refused before
 * @property {number} acquiredMs when `acquire` had resolved
 * @property {number} releasedMs when `release` was called
 *
 * @typedef {object} Part of one process
 * @property {Acquisition[]} acquisitions
 * @property {number} refusals how often a contender gave up, and asked anew
 * @property {number} cpuUs
 *
 * @typedef {object} Verdict
 * @property {number} acquisitions
 * @property {number} refusals
 * @property {number} totalMs
 * @property {number[]} waitsMs
 * @property {number[]} handOversMs from the call of `release` to the end of another's `acquire`
 * @property {number} cpuUs
 */

/** Comparable between processes, unlike `performance.now()`. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/**
 * @param {() => Promise<Release | null>} acquire null when it gave up
 * @param {Terms} terms
 * @returns {Promise<Part>}
 */
export async function contend(acquire, { contenders, rounds, holdMs, startMs, limitMs }) {
  /** @type {Acquisition[]} */
  const acquisitions = []
  const endMs = startMs + limitMs
  let refusals = 0

  /** Asks anew as often as it is refused. @returns {Promise<Release | null>} */
  async function insist() {
    for (;;) {
      const release = await acquire()
      if (release !== null || nowMs() >= endMs) return release
      refusals++
    }
  }

  /** @param {string} contender */
  async function contendAs(contender) {
    for (let round = 0; round < rounds && nowMs() < endMs; round++) {
      const askedMs = nowMs()
      const release = await insist()
      const acquiredMs = nowMs()
      if (release === null) return
      await delay(holdMs)
      const releasedMs = nowMs()
      acquisitions.push({ contender, askedMs, acquiredMs, releasedMs })
      await release()
    }
  }

  await delay(startMs - nowMs())
  const startCpu = process.cpuUsage()
  const names = Array.from({ length: contenders }, (_, index) => `${process.pid}.${index}`)
  const limit = new AbortController()
  await Promise.race([
    Promise.all(names.map(contendAs)),
    delay(endMs - nowMs(), undefined, { signal: limit.signal }),
  ])
  limit.abort()
  const { user, system } = process.cpuUsage(startCpu)
  return { acquisitions, refusals, cpuUs: user + system }
}

/** Throws when two held the lock at one time. @param {readonly Part[]} parts @returns {Verdict} */
export function judge(parts) {
  const all = parts
    .flatMap(({ acquisitions }) => acquisitions)
    .sort((a, b) => a.acquiredMs - b.acquiredMs)
  const sum = (/** @type {(part: Part) => number} */ value) =>
    parts.reduce((total, part) => total + value(part), 0)
  const firstAskedMs = Math.min(...all.map(({ askedMs }) => askedMs))
  return {
    acquisitions: all.length,
    refusals: sum(({ refusals }) => refusals),
    totalMs: Math.max(...all.map(({ releasedMs }) => releasedMs)) - firstAskedMs,
    waitsMs: all.map(({ askedMs, acquiredMs }) => acquiredMs - askedMs),
    handOversMs: handOversOf(all),
    cpuUs: sum(({ cpuUs }) => cpuUs),
  }
}

/**
 * A lock is handed over when somebody was waiting as it was released, and somebody else got it.
 * Who takes back what he has just released hands nothing over.
 *
 * @param {readonly Acquisition[]} all by the time that they were acquired
 */
function handOversOf(all) {
  /** @type {number[]} */
  const handOversMs = []
  let firstAskedMs = Number.POSITIVE_INFINITY
  for (let index = all.length - 1; index > 0; index--) {
    const next = /** @type {Acquisition} */ (all[index])
    const last = /** @type {Acquisition} */ (all[index - 1])
    expect(next.acquiredMs >= last.releasedMs, 'two hold one lock')
    firstAskedMs = Math.min(firstAskedMs, next.askedMs)
    if (next.contender === last.contender || firstAskedMs > last.releasedMs) continue
    handOversMs.push(next.acquiredMs - last.releasedMs)
  }
  return handOversMs
}

/** The least value that at least `share` of all do not exceed. @param {readonly number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
