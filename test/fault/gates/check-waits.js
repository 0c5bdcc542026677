// @ts-check
// No job waits for what is free. That gates are free the store says, which a process looks at that nothing
// befalls; that a job waits for them is known of each that was added, or failed, and did not begin since.
import { lengthOf, without } from '../locks/spans.js'
import { groupBy } from '../outcomes/history.js'
import { tracesOf } from '../queue/check.js'
import { ALL } from '../queue/history.js'
import { BACKOFF_MS, LEASE_MS } from '../queue/plan.js'
import { PARENT } from './history.js'
import { gatesOf, QUEUES, userOf } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Span} Span
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('../queue/check.js').Trace} Trace
 * @typedef {import('../queue/history.js').Delivery} Delivery
 *
 * @typedef {object} Wait for gates that were free
 * @property {string} key of the job
 * @property {readonly string[]} gates
 * @property {Span} span
 * @property {number} waitedMs of it, while the store could be asked
 * @property {number} faults that hit some process meanwhile
 * @property {number} leaseMs for which a dead one may have had the job, before it parked it
 */

/** Whoever dies, a gate is looked at again within this time. */
const LOOK_MS = 5_000
/** What all else may take, where many processes share few cores: the claim, the hand-over, and a look of those who watch. */
const GRACE_MS = 1_000
/** Until everybody is connected after a fault of the engine. */
const RESUME_MS = 3_000
/** Longer than that nobody looked. */
const BLIND_MS = 1_000

/** @param {History} history @returns {Violation[]} */
export const checkWaits = (history) =>
  listWaits(history)
    .filter((wait) => wait.waitedMs > allowedMs(wait))
    .map((wait) => {
      const { key, gates, waitedMs, faults } = wait
      const what = `job ${key} waited ${Math.round(waitedMs)} ms for ${gates[0]}, which was free, with ${faults} faults meanwhile`
      return { what, witness: [wait] }
    })

/** Who kept the gate is not known: whoever was hit may have taken over from a dead one just then. @param {Wait} wait */
const allowedMs = ({ faults, leaseMs }) => LOOK_MS * (faults > 0 ? 2 : 1) + leaseMs + GRACE_MS

/** What lasted, of each job and time. @param {History} history @returns {Wait[]} */
export function listWaits(history) {
  const { jobs, paused } = history
  const silent = jobs.faults
    .filter(({ hit }) => hit === ALL)
    .map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs + RESUME_MS }))
  const excused = [...silent, ...(paused.get(PARENT) ?? []), ...listBlind(history)]
  const hits = jobs.faults.filter(({ hit }) => hit !== ALL && hit !== '')
  const byGates = groupBy(listPending(history), ({ gates }) => gates.join(' '))
  return [...byGates.values()].flatMap((pending) => {
    const gates = pending[0]?.gates ?? []
    return listFree(history, gates).flatMap((free) =>
      pending.flatMap(({ key, queue, span }) => {
        const both = {
          fromMs: Math.max(free.fromMs, span.fromMs),
          toMs: Math.min(free.toMs, span.toMs),
        }
        if (both.toMs - both.fromMs < BLIND_MS) return []
        const waitedMs = lengthOf(without(both, excused))
        const claimMs = queue === QUEUES.taken ? LEASE_MS.taken : LEASE_MS.worked
        const claimedMs = Math.max(span.fromMs, both.fromMs - claimMs)
        const since = hits.filter((one) => one.fromMs < both.toMs && one.toMs > claimedMs)
        const faults = since.filter((one) => one.toMs > both.fromMs).length
        const leaseMs = since.length > 0 ? claimMs : 0
        return [{ key, gates, span: both, waitedMs, faults, leaseMs }]
      }),
    )
  })
}

/** While no look came back. @param {History} history @returns {Span[]} */
const listBlind = ({ samples }) =>
  samples.flatMap(({ atMs }, index) => {
    const toMs = samples[index + 1]?.atMs ?? atMs
    return toMs - atMs > BLIND_MS ? [{ fromMs: atMs, toMs }] : []
  })

/**
 * When all of them were free, at each look, and nobody got one of them.
 *
 * @param {History} history
 * @param {readonly string[]} gates
 * @returns {Span[]}
 */
function listFree({ samples, holds }, gates) {
  const looked = gates.filter((gate) => !gate.startsWith('limit:'))
  const entries = holds
    .filter(({ gate }) => gates.includes(gate))
    .map(({ fromMs }) => fromMs)
    .sort((a, b) => a - b)
  /** @type {Span[]} */
  const found = []
  let next = 0
  /** @type {Span | undefined} */
  let span
  for (const { atMs, free } of samples) {
    let isPassed = false
    for (; (entries[next] ?? Number.POSITIVE_INFINITY) <= atMs; next++) isPassed = true
    if (isPassed || !looked.every((gate) => free.includes(gate))) span = undefined
    if (!looked.every((gate) => free.includes(gate))) continue
    if (span) span.toMs = atMs
    else {
      span = { fromMs: atMs, toMs: atMs }
      found.push(span)
    }
  }
  return found
}

/** When jobs waited for nothing but gates. @param {History} history */
function listPending({ jobs }) {
  /** @type {Map<string, Trace>} */
  const last = new Map()
  return tracesOf(jobs).flatMap((trace) => {
    const { key, add, deliveries } = trace
    if (!add || (add.end !== 'ok' && deliveries.length === 0)) return []
    const strand = `${add.queue} ${add.strand}`
    const front = add.strand ? last.get(strand) : undefined
    last.set(strand, trace)
    const first = add.end === 'ok' ? firstWait(add.atMs, front, deliveries[0]) : []
    const gates = gatesOf(add.queue, userOf(key))
    return [...first, ...retryWaits(deliveries)].map((span) => ({
      ...{ key, gates, span },
      queue: add.queue,
    }))
  })
}

/**
 * From its add, or from the end of the one in front of it, until it began.
 *
 * @param {number} addedMs
 * @param {Trace | undefined} front of the same key
 * @param {Delivery | undefined} first
 * @returns {Span[]}
 */
function firstWait(addedMs, front, first) {
  const toMs = first?.beganMs ?? Number.POSITIVE_INFINITY
  if (!front) return [{ fromMs: addedMs, toMs }]
  const { how, endedMs } = front.deliveries.at(-1) ?? {}
  // When a dead one ended nobody wrote down.
  return how === 'done' && endedMs !== undefined
    ? [{ fromMs: Math.max(addedMs, endedMs), toMs }]
    : []
}

/** @param {readonly Delivery[]} deliveries @returns {Span[]} */
const retryWaits = (deliveries) =>
  deliveries.slice(1).flatMap(({ attempt, beganMs }, index) => {
    const before = deliveries[index]
    if (before?.how !== 'failed' || attempt !== before.attempt + 1) return []
    return [{ fromMs: (before.endedMs ?? beganMs) + BACKOFF_MS, toMs: beganMs }]
  })

/** For the report. @param {History} history */
export function measureWaits(history) {
  const waits = listWaits(history)
  const longest = (/** @type {readonly Wait[]} */ some) =>
    Math.round(some.reduce((most, { waitedMs }) => Math.max(most, waitedMs), 0))
  return {
    longestWaitMs: longest(waits),
    longestWaitWithoutFaultMs: longest(waits.filter(({ faults }) => faults === 0)),
    mostParked: history.samples.reduce((most, { parked }) => Math.max(most, parked), 0),
    looks: history.samples.length,
  }
}
