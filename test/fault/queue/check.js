// @ts-check
// All that must hold of a storm: nothing lost, nothing from nowhere, and one end for each job.
import { groupBy } from '../outcomes/history.js'
import { checkDuplicates, hits, measureDuplicates } from './check-duplicates.js'
import { checkGaps, measureGaps } from './check-gaps.js'
import { checkOrder } from './check-order.js'
import { checkSlots } from './check-slots.js'
import { checkTwins } from './check-twins.js'
import { ALL } from './history.js'
import { MAX_CRASHES, slotOf, TIMEOUT_MS } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Add} Add
 * @typedef {import('./history.js').Delivery} Delivery
 * @typedef {import('./history.js').DeadLetter} DeadLetter
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {ReturnType<typeof measure>} Measures
 *
 * @typedef {object} Trace all that is known of one job
 * @property {string} key
 * @property {Add | undefined} add of several under one id the one that says most
 * @property {Delivery[]} deliveries by fence
 * @property {DeadLetter[]} dead
 */

/** How much an add says of its job: a refused one says nothing where another one made it. */
const SAYS = { ok: 2, unknown: 1, fail: 0 }

/** @param {History} history @returns {Violation[]} */
export function check(history) {
  const traces = tracesOf(history)
  return [
    ...traces.flatMap((trace) => checkOrigin(trace, history.schedules)),
    ...traces.flatMap(checkEnd),
    ...traces.flatMap((trace) => checkAttempts(trace, (one) => isHeldUp(history, one))),
    ...checkIds(traces),
    ...checkTwins(history.adds),
    ...checkOrder(traces),
    ...checkSlots(history, traces),
    ...checkDuplicates(history, traces),
    ...checkGaps(history),
    ...Object.entries(history.left)
      .filter(([, count]) => count > 0)
      .map(([queue, count]) => ({
        what: `${count} jobs of ${queue} never came to an end`,
        witness: [],
      })),
    ...history.crashes.map((crash) => ({ what: 'an error reached no caller', witness: [crash] })),
  ]
}

/** For the report. @param {History} history */
export function measure(history) {
  const traces = tracesOf(history)
  const jobs = (/** @type {Add['end']} */ end) =>
    traces.filter(({ add }) => add?.end === end).length
  return {
    added: jobs('ok'),
    addUnknown: jobs('unknown'),
    addRefused: jobs('fail'),
    deliveries: history.deliveries.length,
    dead: history.dead.length,
    twins: history.adds.filter(({ end, isNew }) => end === 'ok' && isNew?.[0] === false).length,
    ofKeys: traces.filter(({ add, deliveries }) => add?.strand && deliveries.length > 0).length,
    ofSlots: traces.filter(({ key }) => slotOf(key)).length,
    ...measureDuplicates(history, traces),
    ...measureGaps(history),
  }
}

/** In the order in which each process added. @param {History} history @returns {Trace[]} */
export function tracesOf({ adds, deliveries, dead }) {
  /** @type {Map<string, Add>} */
  const addOf = new Map()
  for (const add of adds) {
    for (const key of add.keys) {
      const other = addOf.get(key)
      if (!other || SAYS[add.end] > SAYS[other.end]) addOf.set(key, add)
    }
  }
  const deliveriesOf = groupBy(deliveries, ({ key }) => key)
  const deadOf = groupBy(dead, ({ key }) => key)
  const keys = new Set([...addOf.keys(), ...deliveriesOf.keys(), ...deadOf.keys()])
  return [...keys].map((key) => ({
    key,
    add: addOf.get(key),
    deliveries: (deliveriesOf.get(key) ?? []).sort((a, b) => a.fence - b.fence),
    dead: deadOf.get(key) ?? [],
  }))
}

/** A call with many jobs, as a witness for one of them. @param {Add | undefined} add @param {string} key */
function short(add, key) {
  if (!add) return []
  const { keys, ids, ...rest } = add
  return [{ ...rest, key, id: ids?.[keys.indexOf(key)] }]
}

/** @param {Trace} trace @param {History['schedules']} schedules @returns {Violation[]} */
function checkOrigin({ key, add, deliveries, dead }, schedules) {
  const seen = [...deliveries, ...dead]
  const slot = slotOf(key)
  if (seen.length === 0 || schedules.some(({ name }) => name === slot?.schedule)) return []
  if (!add) return [{ what: `job ${key} exists, and nobody added it`, witness: seen }]
  if (add.end !== 'fail') return []
  const what = `job ${key} exists, and its add was told not to have happened`
  return [{ what, witness: [...short(add, key), ...seen] }]
}

/** @param {Trace} trace @returns {Violation[]} */
function checkEnd({ key, add, deliveries, dead }) {
  /** @type {Violation[]} */
  const found = []
  const done = deliveries.filter(({ how }) => how === 'done')
  const isAdded = add?.end === 'ok' || deliveries.length > 0
  if (isAdded && done.length === 0 && dead.length === 0) {
    const what = `job ${key} was added, and is lost`
    found.push({ what, witness: [...short(add, key), ...deliveries] })
  }
  if (dead.length > 1) found.push({ what: `job ${key} is dead twice`, witness: dead })
  const ended = done.find(({ answer }) => answer === 'ok')
  if (ended) {
    const after = [...deliveries.filter(({ fence }) => fence > ended.fence), ...dead]
    const what = `job ${key} was acknowledged, and came again`
    if (after[0]) found.push({ what, witness: [ended, after[0]] })
  }
  const [letter] = dead
  if (!letter) return found
  // Whoever was killed may have written nothing of what it had claimed: crashes cannot be counted.
  const isCrash = /crash/.test(letter.reason)
  if (!isCrash && !deliveries.some(({ how }) => how === 'failed')) {
    const what = `job ${key} is dead, and did not fail`
    found.push({ what, witness: [...deliveries, letter] })
  }
  if (isCrash && deliveries.filter(({ how }) => how === undefined).length === 0) {
    const what = `job ${key} is dead of crashes, and nobody crashed with it`
    found.push({ what, witness: [...deliveries, letter] })
  }
  return found
}

/** Whether it may have come too late because its process could not run. @param {History} history @param {Delivery} delivery */
const isHeldUp = ({ faults }, delivery) =>
  faults.some(
    (fault) =>
      fault.hit !== ALL && fault.toMs - fault.fromMs >= TIMEOUT_MS && hits(fault, delivery),
  )

/**
 * A failed attempt counts once, a crash never, and poison does not go on for ever.
 *
 * @param {Trace} trace
 * @param {(delivery: Delivery) => boolean} isHeldUp
 * @returns {Violation[]}
 */
function checkAttempts({ key, add, deliveries, dead }, isHeldUp) {
  /** @type {Violation[]} */
  const found = []
  deliveries.forEach((after, index) => {
    const before = deliveries[index - 1]
    if (!before) return
    if (before.fence === after.fence) {
      const what = `job ${key} was delivered twice under fence ${after.fence}`
      found.push({ what, witness: [before, after] })
    }
    const isOver = (before.endedMs ?? 0) - before.beganMs >= TIMEOUT_MS
    const mayHaveFailed = before.how !== 'done' || isOver || isHeldUp(before)
    const grown = after.attempt - before.attempt
    if (grown < 0 || grown > (mayHaveFailed ? 1 : 0)) {
      const what = `job ${key} was attempt ${before.attempt} and then ${after.attempt}`
      found.push({ what, witness: [before, after] })
    }
  })
  if (add?.nature !== 'poison' || add.end !== 'ok') return found
  // Once unsuspected, and then as the suspect of another worker each time.
  if (deliveries.length > MAX_CRASHES + 1 || dead.length === 0) {
    const what = `job ${key} killed ${deliveries.length} workers, where ${MAX_CRASHES + 1} are enough`
    found.push({ what, witness: [...deliveries, ...dead] })
  }
  return found
}

/** One id for each job, one job for each id. @param {readonly Trace[]} traces @returns {Violation[]} */
function checkIds(traces) {
  /** @type {Violation[]} */
  const found = []
  /** @type {Map<string, string>} */
  const owners = new Map()
  for (const { key, add, deliveries, dead } of traces) {
    const queue = add?.queue ?? deliveries[0]?.queue
    const told = add?.ids?.[add.keys.indexOf(key)]
    // The dead letter of a job with an id of its own has the number of its ticket.
    const isNamed = told === key || deliveries[0]?.id === key
    const seen = isNamed ? deliveries : [...deliveries, ...dead]
    const ids = new Set(seen.map(({ id }) => id))
    if (told !== undefined) ids.add(told)
    if (ids.size > 1) {
      const what = `job ${key} has the ids ${[...ids].join(' and ')}: it was added twice`
      found.push({ what, witness: [...short(add, key), ...deliveries, ...dead] })
    }
    for (const id of ids) {
      const other = owners.get(`${queue}/${id}`)
      if (other !== undefined) {
        const what = `jobs ${key} and ${other} of ${queue} share id ${id}`
        found.push({ what, witness: [...short(add, key), ...deliveries] })
      }
      owners.set(`${queue}/${id}`, key)
    }
  }
  return found
}
