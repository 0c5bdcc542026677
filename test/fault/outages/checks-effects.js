// @ts-check
// No effect happens twice, none that was answered is missing, and none that was denied is there.
import { linesOf } from './checks.js'
import { LIMIT } from './workload.js'

/**
 * @typedef {import('./history.js').Line} Line
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').DeliveryLine} DeliveryLine
 * @typedef {import('./history.js').LeaseLine} LeaseLine
 * @typedef {import('./checks.js').Trial} Trial
 */

/** What was answered just before a failover may not have been replicated yet. */
const UNREPLICATED_MS = 1_000

/** Whether what was answered then may be gone. @param {Trial} trial @param {number | null} atMs */
function mayBeLost({ expectation: { loses }, beginMs, healedMs }, atMs) {
  if (loses === 'none' || atMs === null) return false
  if (loses === 'all') return atMs <= healedMs
  return atMs >= beginMs - UNREPLICATED_MS && atMs <= healedMs
}

/** @param {Trial} trial */
export function checkQueues(trial) {
  const calls = linesOf(trial.history, 'call')
  /** @type {Map<string, DeliveryLine[]>} */
  const deliveries = new Map()
  for (const delivery of linesOf(trial.history, 'delivery')) {
    const list = deliveries.get(delivery.payload)
    if (list) list.push(delivery)
    else deliveries.set(delivery.payload, [delivery])
  }
  return [
    ...calls.flatMap((call) =>
      call.op.startsWith('queue.add') ? checkAdd(trial, call, deliveries) : [],
    ),
    ...checkIds(trial, calls, deliveries),
    ...calls.flatMap((call) =>
      call.op === 'delivery.ack' ? checkAck(trial, call, deliveries) : [],
    ),
    ...checkRest(trial),
  ]
}

/** @param {Trial} trial @param {Call} add @param {Map<string, DeliveryLine[]>} deliveries */
function checkAdd(trial, { op, queue, payloads = [], ids = [], failure, endMs }, deliveries) {
  const delivered = payloads.filter((payload) => deliveries.has(payload))
  const violations = []
  if (failure?.outcome === 'not-applied' && delivered.length > 0) {
    violations.push(
      `outcome: ${delivered[0]} was delivered, but ${op} said not-applied: ${failure.message}`,
    )
  }
  if (failure === undefined && endMs !== null && !mayBeLost(trial, endMs)) {
    const missing = payloads.find((payload) => !deliveries.has(payload))
    if (missing !== undefined) {
      violations.push(`lost: ${missing} of queue ${queue} was added and never delivered`)
    }
    payloads.forEach((payload, index) => {
      const one = deliveries.get(payload)?.find(({ id }) => id !== ids[index])
      if (one)
        violations.push(`twice: ${payload} was added as ${ids[index]} and delivered as ${one.id}`)
    })
  }
  if (failure !== undefined && ![0, payloads.length].includes(delivered.length)) {
    if (trial.expectation.loses === 'none') {
      violations.push(`torn: of ${payloads} only ${delivered} were delivered`)
    }
  }
  return violations
}

/** @param {Trial} trial @param {readonly Call[]} calls @param {Map<string, DeliveryLine[]>} deliveries */
function checkIds({ expectation }, calls, deliveries) {
  const known = new Set(
    calls.flatMap(({ op, payloads = [] }) => (op.startsWith('queue.add') ? payloads : [])),
  )
  const violations = []
  /** @type {Map<string, string>} */
  const owners = new Map()
  for (const [payload, list] of deliveries) {
    if (!known.has(payload)) violations.push(`lost: ${payload} was delivered and never added`)
    const ids = new Set(list.map(({ id }) => id))
    if (ids.size > 1) violations.push(`twice: ${payload} was delivered as jobs ${[...ids]}`)
    for (const id of ids) {
      const key = `${list[0]?.queue} ${id}`
      const other = owners.get(key)
      // Counters that were lost begin again.
      if (other !== undefined && expectation.loses === 'none') {
        violations.push(`twice: id ${id} was given to ${other} and ${payload}`)
      }
      owners.set(key, payload)
    }
    list.forEach(({ fence }, index) => {
      const before = list[index - 1]
      if (before && fence <= before.fence) {
        violations.push(`fence: ${payload} was delivered with ${fence} after ${before.fence}`)
      }
    })
  }
  return violations
}

/** @param {Trial} trial @param {Call} ack @param {Map<string, DeliveryLine[]>} deliveries */
function checkAck(trial, { payloads: [payload = ''] = [], failure, startMs, endMs }, deliveries) {
  const list = deliveries.get(payload) ?? []
  const again = list.find(({ atMs }) => endMs !== null && atMs > endMs)
  if (failure === undefined && again !== undefined && !mayBeLost(trial, endMs)) {
    return [`twice: ${payload} was delivered after it had been acknowledged`]
  }
  const isRefused =
    failure?.code === 'SLUICE_ENGINE_UNAVAILABLE' && failure.outcome === 'not-applied'
  const isBack = list.some(({ atMs }) => atMs > startMs)
  if (isRefused && !isBack && trial.expectation.loses === 'none') {
    return [
      `outcome: ${payload} never came back, though its ack said not-applied: ${failure.message}`,
    ]
  }
  return []
}

/** @param {Trial} trial */
function checkRest({ history }) {
  return linesOf(history, 'rest').flatMap(({ queue, counts }) => {
    const { ready, timed, inFlight, dead } = counts
    if (ready + timed + inFlight + dead === 0) return []
    return [`rest: queue ${queue} was not drained: ${JSON.stringify(counts)}`]
  })
}

/** @param {Trial} trial */
export function checkLeases(trial) {
  /** @type {Map<string, LeaseLine[]>} */
  const byLock = new Map()
  for (const lease of linesOf(trial.history, 'lease')) {
    const list = byLock.get(lease.lock)
    if (list) list.push(lease)
    else byLock.set(lease.lock, [lease])
  }
  return [...byLock.values()].flatMap((leases) => [
    ...checkOverlaps(trial, leases),
    ...checkFences(leases),
  ])
}

/** @param {Trial} trial @param {LeaseLine[]} leases of one lock */
function checkOverlaps(trial, leases) {
  const violations = []
  const inOrder = leases.toSorted((x, y) => x.gotMs - y.gotMs)
  /** @type {LeaseLine | undefined} */
  let longest
  for (const lease of inOrder) {
    if (longest !== undefined && lease.gotMs < longest.untilMs) {
      // A lease whose replica never heard of it is not in the way of the next one.
      if (!mayBeLost(trial, longest.gotMs) && !isAround(trial, longest)) {
        const byMs = Math.round(longest.untilMs - lease.gotMs)
        violations.push(
          `overlap: ${lease.lock} was held by ${longest.owner} and ${lease.owner} for ${byMs} ms`,
        )
      }
    }
    if (longest === undefined || lease.untilMs > longest.untilMs) longest = lease
  }
  return violations
}

/** Whether a lease was held when the store lost something. @param {Trial} trial @param {LeaseLine} lease */
const isAround = ({ expectation: { loses }, beginMs, healedMs }, { gotMs, untilMs }) =>
  loses !== 'none' && untilMs >= beginMs && gotMs <= healedMs

/** @param {LeaseLine[]} leases of one lock */
function checkFences(leases) {
  const violations = []
  const byFence = leases.toSorted((x, y) => x.fence - y.fence)
  for (let at = 1; at < byFence.length; at += 1) {
    const [lower, higher] = [byFence[at - 1], byFence[at]]
    if (!lower || !higher) continue
    if (lower.fence === higher.fence) {
      violations.push(
        `fence: ${lower.fence} of ${lower.lock} was given to ${lower.owner} and ${higher.owner}`,
      )
    }
    // The one with the higher fence was granted before the other one was asked for.
    if (higher.gotMs < lower.askedMs) {
      violations.push(`fence: ${lower.lock} was given ${lower.fence} after ${higher.fence}`)
    }
  }
  return violations
}

/** @param {Trial} trial */
export function checkTakes(trial) {
  const admitted = linesOf(trial.history, 'call')
    .filter(({ op, allowed }) => op === 'limiter.take' && allowed === true)
    .filter(
      ({ endMs }) =>
        !(trial.expectation.loses !== 'none' && endMs !== null && endMs <= trial.healedMs),
    )
    .sort((x, y) => x.startMs - y.startMs)
  for (const first of admitted) {
    const lastMs = first.startMs + LIMIT.perMs
    const inside = admitted.filter(
      ({ startMs, endMs }) => startMs >= first.startMs && endMs !== null && endMs < lastMs,
    )
    if (inside.length > LIMIT.limit) {
      return [
        `limit: ${inside.length} takes were admitted within ${LIMIT.perMs} ms, not ${LIMIT.limit}`,
      ]
    }
  }
  return []
}
