// @ts-check
// Jobs: what callers were told of adds, deliveries and their ends, held against what is stored.

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').Delivery} Delivery
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./store.js').StoredJob} StoredJob
 *
 * @typedef {object} Trace all that is known of one job
 * @property {string} key
 * @property {StoredJob[]} stored
 * @property {Delivery[]} deliveries by fence
 * @property {Call[]} settles ack, retry and fail, by hand
 * @property {import('./history.js').Handled[]} handled by a worker
 */

/** Jobs of one call that are added all or none. */
const ONE_CALL = 1_000
const SETTLES = new Set(['ack', 'retry', 'fail'])

/** @param {History} history @param {readonly StoredJob[]} stored @returns {Violation[]} */
export function checkJobs(history, stored) {
  const adds = history.calls.filter(({ op }) => op === 'add')
  const traces = tracesOf(history, stored)
  const added = new Set(adds.flatMap(({ keys = [] }) => keys))
  const strangers = [...traces.values()].filter(({ key }) => !added.has(key))
  return [
    ...strangers.map(({ key, stored: jobs, deliveries }) => ({
      what: `job ${key} exists, and nobody added it`,
      witness: [...jobs, ...deliveries],
    })),
    ...adds.flatMap((add) => checkAdd(add, traces)),
    ...checkIds(adds, traces),
    ...[...traces.values()].flatMap(checkEnds),
    ...[...traces.values()].flatMap(checkAttempts),
  ]
}

/** @param {History} history @param {readonly StoredJob[]} stored @returns {Map<string, Trace>} */
function tracesOf({ calls, deliveries, handled }, stored) {
  /** @type {Map<string, Trace>} */
  const traces = new Map()
  /** @param {string} key */
  const of = (key) => {
    const trace = traces.get(key) ?? { key, stored: [], deliveries: [], settles: [], handled: [] }
    traces.set(key, trace)
    return trace
  }
  for (const job of stored) of(job.key).stored.push(job)
  for (const delivery of deliveries) of(delivery.key).deliveries.push(delivery)
  for (const one of handled) of(one.key).handled.push(one)
  for (const call of calls) if (SETTLES.has(call.op)) of(call.key ?? '').settles.push(call)
  for (const trace of traces.values()) trace.deliveries.sort((a, b) => a.fence - b.fence)
  return traces
}

/** @param {Call} add @param {Map<string, Trace>} traces @returns {Violation[]} */
function checkAdd(add, traces) {
  const { keys = [], end } = add
  const present = keys.filter((key) => traces.has(key))
  const [first = ''] = present
  if (end === 'ok') {
    const [lost] = keys.filter((key) => !traces.has(key))
    if (lost === undefined) return []
    return [{ what: `job ${lost} was added, and never seen again`, witness: [short(add, lost)] }]
  }
  if (end === 'fail' && first !== '') {
    const trace = traces.get(first)
    const witness = [short(add, first), ...(trace?.stored ?? []), ...(trace?.deliveries ?? [])]
    const count = `${present.length} of ${keys.length} jobs`
    return [{ what: `an add was told not to have happened, and ${count} are there`, witness }]
  }
  if (present.length === 0 || present.length === keys.length || keys.length > ONE_CALL) return []
  const what = `of one addMany, ${present.length} of ${keys.length} jobs were added`
  return [{ what, witness: [short(add, first)] }]
}

/** A call with thousands of jobs, as a witness for one of them. @param {Call} add @param {string} key */
function short({ keys = [], ids = [], ...add }, key) {
  return keys.length <= 5 ? { ...add, keys, ids } : { ...add, key, id: ids[keys.indexOf(key)] }
}

/** One id for each job, one job for each id. @param {readonly Call[]} adds @param {Map<string, Trace>} traces */
function checkIds(adds, traces) {
  /** @type {Violation[]} */
  const found = []
  /** @type {Map<string, string>} */
  const told = new Map()
  /** @type {Map<string, string>} */
  const owners = new Map()
  for (const add of adds) {
    add.keys?.forEach((key, index) => {
      const id = add.ids?.[index]
      if (id !== undefined) told.set(key, id)
    })
  }
  for (const { key, stored, deliveries } of traces.values()) {
    const ids = new Set([...stored, ...deliveries].map(({ id }) => id))
    const id = told.get(key)
    if (id !== undefined) ids.add(id)
    if (ids.size > 1) {
      const what = `job ${key} has the ids ${[...ids].join(' and ')}: it was added twice`
      found.push({
        what,
        witness: [...(id === undefined ? [] : [{ told: id }]), ...stored, ...deliveries],
      })
    }
    if (stored.length > 1) found.push({ what: `job ${key} is stored twice`, witness: stored })
    const queue = stored[0]?.queue ?? deliveries[0]?.queue
    for (const one of ids) {
      const other = owners.get(`${queue}/${one}`)
      if (other !== undefined) {
        found.push({ what: `jobs ${key} and ${other} of ${queue} share id ${one}`, witness: [] })
      }
      owners.set(`${queue}/${one}`, key)
    }
  }
  return found
}

/** What `end` told cannot be, or must be. @param {Trace} trace @returns {Violation[]} */
function checkEnds({ key, stored, deliveries, settles, handled }) {
  /** @type {Violation[]} */
  const found = []
  /** @param {string} op */
  const maybe = (op) => settles.filter((call) => call.op === op && call.end !== 'fail')
  const sure = (/** @type {string} */ op) => maybe(op).filter(({ end }) => end === 'ok')
  const buried = stored.find(({ place }) => place === 'dead')
  const acks = sure('ack')
  if (acks.length > 1) found.push({ what: `job ${key} was acknowledged twice`, witness: acks })
  for (const settle of [...acks, ...sure('fail')]) {
    const again = deliveries.find(({ fence }) => fence > (settle.fence ?? 0))
    const what = `job ${key} was ended by ${settle.op}, and delivered again`
    if (again) found.push({ what, witness: [settle, again] })
  }
  if (acks[0] && stored[0]) {
    const what = `job ${key} was acknowledged, and is still stored`
    found.push({ what, witness: [acks[0], stored[0]] })
  }
  const [failed] = sure('fail')
  if (failed && !buried) {
    found.push({
      what: `job ${key} was failed, and is no dead letter`,
      witness: [failed, ...stored],
    })
  }
  if (buried && maybe('fail').length === 0) {
    const what = `job ${key} is dead, and nobody is told that it may be`
    found.push({ what, witness: [...settles, buried] })
  }
  const mayBeDone = maybe('ack').length > 0 || handled.some(({ how }) => how === 'ack')
  if (stored.length === 0 && !mayBeDone) {
    const what = `job ${key} is gone, and nobody is told that it may be done`
    found.push({ what, witness: [...deliveries.slice(-1), ...settles.slice(-2)] })
  }
  return found
}

/** A failed attempt counts once, and only where one may have failed. @param {Trace} trace @returns {Violation[]} */
function checkAttempts({ key, stored, deliveries, settles, handled }) {
  /** @type {Violation[]} */
  const found = []
  const failures = settles.filter(({ op }) => op !== 'ack')
  const [job] = stored
  const states = [
    ...deliveries.map((delivery) => ({ failed: delivery.attempt - 1, record: delivery })),
    ...(job ? [{ failed: job.attempt, record: job }] : []),
  ]
  let [failed, least, most] = [0, 0, 0]
  /** @type {object[]} */
  let before = []
  states.forEach((state, index) => {
    const grown = state.failed - failed
    if (grown < least || grown > most) {
      const what = `job ${key} had ${failed} failed attempts and then ${state.failed}, where ${least} to ${most} were added`
      found.push({ what, witness: [...before, state.record] })
    }
    const fence = deliveries[index]?.fence
    if (fence !== undefined && fence === deliveries[index + 1]?.fence) {
      const witness = deliveries.slice(index, index + 2)
      found.push({ what: `job ${key} was delivered twice under fence ${fence}`, witness })
    }
    const own = failures.filter((call) => call.fence === fence && call.end !== 'fail')
    const thrown = handled.filter((one) => one.fence === fence && one.how === 'retry')
    failed = state.failed
    least = own.filter(({ end }) => end === 'ok').length
    most = own.length + thrown.length
    before = [state.record, ...settles.filter((call) => call.fence === fence)]
  })
  return found
}
