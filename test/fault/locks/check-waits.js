// @ts-check
// Nobody is kept waiting by the dead: a lock whose holder was killed is granted again in time, and a
// killed waiter delays those behind it by no more than one claim lease.
import { groupBy } from '../outcomes/history.js'
import { LAST } from './history.js'
import { claimOf, ttlOf } from './plan.js'
import { lengthOf, without } from './spans.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Hold} Hold
 * @typedef {import('./history.js').Miss} Miss
 * @typedef {import('./history.js').Span} Span
 * @typedef {import('./history.js').Violation} Violation
 *
 * @typedef {object} Gap between two holders, while somebody waited
 * @property {'released' | 'killed' | 'lost'} after how the first one ended
 * @property {number} waitedMs
 * @property {number} allowedMs
 * @property {object[]} witness
 */

/** What the hand-over itself may take, where many processes share few cores. */
const GRACE_MS = 1_000
/** Until everybody is connected, at first and after a fault of the server. */
const RESUME_MS = 3_000

/** @param {History} history @returns {Violation[]} */
export function checkWaits(history) {
  const shut = history.misses.filter(({ who }) => who === LAST)
  return [
    ...listGaps(history)
      .filter(({ waitedMs, allowedMs }) => waitedMs > allowedMs)
      .map(({ after, waitedMs, allowedMs, witness }) => ({
        what: `nobody got the lock for ${Math.round(waitedMs)} ms after it was ${after}, where ${allowedMs} ms are allowed`,
        witness,
      })),
    ...shut.map((miss) => ({
      what: `lock ${miss.name} was kept from everybody after everything worked again`,
      witness: [miss],
    })),
  ]
}

/** @param {History} history @returns {Gap[]} */
export function listGaps(history) {
  const misses = groupBy(history.misses, ({ name }) => name)
  const excused = history.faults
    .filter(({ effect }) => effect !== 'nothing')
    .map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs + RESUME_MS }))
  return [...groupBy(history.holds, ({ name }) => name).values()].flatMap((same) => {
    const holds = same.toSorted((a, b) => a.atMs - b.atMs)
    const waits = [...holds, ...(misses.get(holds[0]?.name ?? '') ?? [])]
    return holds.flatMap((hold, index) => {
      const next = holds[index + 1]
      const gap = next && startOf(history, hold)
      if (!next || !gap || next.atMs <= gap.fromMs) return []
      const span = { fromMs: gap.fromMs, toMs: next.atMs }
      // Most hand-overs take a millisecond: only what lasts is looked at closely.
      if (gap.after === 'released' && span.toMs - span.fromMs < GRACE_MS) return []
      const waited = waits.flatMap((wait) => waitingSpans(history, wait, span))
      const waitedMs = lengthOf(waited.flatMap((one) => without(one, excused)))
      if (waitedMs === 0) return []
      const allowedMs = gap.leaseMs * Math.max(1, countFaults(history, span)) + GRACE_MS
      return [{ after: gap.after, waitedMs, allowedMs, witness: [hold, next] }]
    })
  })
}

/**
 * When a hold ended as the server may see it, and how long the server may then wait for somebody who
 * is not there: a hand-over is granted for a claim lease, anything else for a whole one.
 *
 * @param {History} history
 * @param {Hold} hold
 * @returns {{after: Gap['after'], fromMs: number, leaseMs: number} | undefined}
 */
function startOf({ lives }, { who, name, answer, releasingMs, releasedMs, toldMs }) {
  const killedMs = lives.get(who)?.killedMs
  if (answer === 'released' && releasedMs !== undefined) {
    return { after: 'released', fromMs: releasedMs, leaseMs: claimOf(name) }
  }
  if (killedMs !== undefined && answer === undefined && toldMs === undefined) {
    return { after: 'killed', fromMs: killedMs, leaseMs: ttlOf(name) }
  }
  const fromMs = Math.max(releasingMs ?? 0, toldMs ?? 0)
  return fromMs === 0 ? undefined : { after: 'lost', fromMs, leaseMs: ttlOf(name) }
}

/**
 * When somebody who could run stood in line. Who has just been started is not there yet.
 *
 * @param {History} history
 * @param {Hold | Miss} wait
 * @param {Span} span
 */
function waitingSpans({ lives }, { who, invokedMs, atMs }, span) {
  const { firstMs, idle } = lives.get(who) ?? { firstMs: Number.NEGATIVE_INFINITY, idle: [] }
  const fromMs = Math.max(invokedMs, span.fromMs, firstMs + RESUME_MS)
  const toMs = Math.min(atMs, span.toMs)
  return fromMs < toMs && who !== LAST ? without({ fromMs, toMs }, idle) : []
}

/** Each process that was killed, stopped or blocked may have been granted the lock. @param {History} history @param {Span} span */
function countFaults({ lives }, { fromMs, toMs }) {
  let count = 0
  for (const { killedMs = 0, idle } of lives.values()) {
    if (killedMs > fromMs && killedMs < toMs) count++
    count += idle.filter((one) => one.fromMs < toMs && one.toMs > fromMs).length
  }
  return count
}

/** For the report: the longest that anybody waited, above what the lease itself takes. @param {History} history */
export function measureWaits(history) {
  const gaps = listGaps(history)
  const longest = (/** @type {Gap['after']} */ after) =>
    gaps
      .filter((gap) => gap.after === after)
      .reduce((most, { waitedMs }) => Math.max(most, waitedMs), 0)
  const killed = gaps.filter(({ after }) => after === 'killed')
  return {
    killedAndWaitedFor: killed.length,
    longestAfterKillMs: longest('killed'),
    longestAfterReleaseMs: longest('released'),
  }
}
