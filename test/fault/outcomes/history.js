// @ts-check
// What processes asked of a Sluice and what they were answered: one line when a call begins, one
// when it ends, one for everything else that they saw. All times are of the machine's monotonic
// clock, which its processes share.

/**
 * How a call ended, as its caller was told. `fail` says that nothing happened.
 * @typedef {'ok' | 'fail' | 'unknown'} End
 *
 * @typedef {object} Details what a call was about; which of them are there depends on `op`
 * @property {string} [queue]
 * @property {string[]} [keys] of jobs: each payload is a key of its own
 * @property {string[]} [ids]
 * @property {string} [key] of one job, or of a limiter
 * @property {string} [id]
 * @property {number} [fence]
 * @property {string} [lock]
 * @property {string} [owner]
 * @property {number} [validUntilMs] what a lease said of itself, when it was got, or before its release
 * @property {boolean} [isLast] asked when everything works again
 * @property {string} [limiter]
 * @property {number} [cost]
 * @property {boolean} [allowed]
 * @property {number} [remaining] units
 * @property {string} [answer]
 *
 * @typedef {object} CallParts
 * @property {string} who
 * @property {number} call
 * @property {string} op add, take, ack, retry, fail, acquire, extend, release or limit
 * @property {number} invokedMs
 * @property {number} withinMs the deadline that the call has
 * @property {End} [end] missing as long as it is under way
 * @property {number} [endedMs]
 * @property {number} [stalledMs] how long the process was not able to run meanwhile
 * @property {string} [code] of the error
 * @property {string} [outcome] of the error
 * @property {string} [message] of the error
 *
 * @typedef {Details & CallParts} Call
 *
 * @typedef {object} Delivery a job as it was handed to a consumer
 * @property {'delivery'} note
 * @property {string} who
 * @property {string} queue
 * @property {string} key
 * @property {string} id
 * @property {number} fence
 * @property {number} attempt
 * @property {number} atMs
 *
 * @typedef {object} Handled a handler of a worker came back; what the worker tells the store is its own
 * @property {'handled'} note
 * @property {string} who
 * @property {string} queue
 * @property {string} key
 * @property {string} id
 * @property {number} fence
 * @property {'ack' | 'retry'} how
 * @property {number} atMs
 *
 * @typedef {object} Loss a lease told its holder that it is over
 * @property {'loss'} note
 * @property {string} who
 * @property {string} owner
 * @property {string} reason
 * @property {number} atMs
 *
 * @typedef {object} Crash something reached the process that no caller could catch
 * @property {'crash'} note
 * @property {string} who
 * @property {string} message
 * @property {number} atMs
 *
 * @typedef {Delivery | Handled | Loss | Crash} Note
 *
 * @typedef {object} History
 * @property {Call[]} calls
 * @property {Delivery[]} deliveries
 * @property {Handled[]} handled
 * @property {Loss[]} losses
 * @property {Crash[]} crashes
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6

/** Puts the lines of all processes together. @param {readonly string[]} lines @returns {History} */
export function readHistory(lines) {
  /** @type {History} */
  const history = { calls: [], deliveries: [], handled: [], losses: [], crashes: [] }
  /** @type {Map<string, Call>} */
  const calls = new Map()
  for (const line of lines) {
    if (line === '') continue
    const record = JSON.parse(line)
    if (record.note === 'delivery') history.deliveries.push(record)
    else if (record.note === 'handled') history.handled.push(record)
    else if (record.note === 'loss') history.losses.push(record)
    else if (record.note === 'crash') history.crashes.push(record)
    else {
      const name = `${record.who}/${record.call}`
      calls.set(name, { ...calls.get(name), ...record })
    }
  }
  history.calls = [...calls.values()].sort((a, b) => a.invokedMs - b.invokedMs)
  return history
}

/** @template T @param {Iterable<T>} items @param {(item: T) => string} nameOf @returns {Map<string, T[]>} */
export function groupBy(items, nameOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map()
  for (const item of items) {
    const name = nameOf(item)
    const group = groups.get(name)
    if (group) group.push(item)
    else groups.set(name, [item])
  }
  return groups
}
