// @ts-check
// Writes down what one process asks of its locks and what they answer.
import { openSync, writeSync } from 'node:fs'
import { monotonicMs } from '../outcomes/history.js'

/**
 * @typedef {import('../../../src/index.ts').Lease} Lease
 * @typedef {ReturnType<typeof createRecorder>} Recorder
 *
 * @typedef {object} Holding a lease that this process has, as its records call it
 * @property {number} number
 * @property {Lease} lease
 * @property {number} validUntilMs as the lease said when it was last asked
 * @property {boolean} isOver
 */

const TICK_MS = 5
/** A timer that comes this much later shows that the process could not run. */
const LATE_MS = 1
const KEPT_MS = 10_000
/** From so long on it is noted: nobody can be blamed for what such a process misses. */
const STALL_MS = 100
/** Renewals come at a third of the lease, unseen. What a lease says of itself is noted more often. */
const LOOK_MS = 50
const QUICK_MS = 0.5

/** Microseconds are enough, and half the file. @param {number} ms */
const short = (ms) => Math.round(ms * 1_000) / 1_000

/** When this process could not run. @param {(fromMs: number, toMs: number) => void} onStall */
export function watchTurns(onStall) {
  let lastMs = monotonicMs()
  /** @type {{fromMs: number, toMs: number}[]} */
  const late = []
  const timer = setInterval(() => {
    const nowMs = monotonicMs()
    if (nowMs - lastMs > TICK_MS + LATE_MS) late.push({ fromMs: lastMs, toMs: nowMs })
    if (nowMs - lastMs > STALL_MS) onStall(lastMs, nowMs)
    while (late[0] && late[0].toMs < nowMs - KEPT_MS) late.shift()
    lastMs = nowMs
  }, TICK_MS)
  return {
    /** For how long in between. @param {number} sinceMs @param {number} nowMs */
    idleMs(sinceMs, nowMs) {
      const isLate = nowMs - lastMs > TICK_MS + LATE_MS
      const all = isLate ? [...late, { fromMs: lastMs, toMs: nowMs }] : late
      return all.reduce(
        (sum, { fromMs, toMs }) => sum + Math.max(0, toMs - Math.max(fromMs, sinceMs)),
        0,
      )
    },
    stop: () => clearInterval(timer),
  }
}

/** @param {string} file */
function createLines(file) {
  const descriptor = openSync(file, 'a')
  /** @type {string[]} */
  let lines = []
  // All of a tick in one write: what a killed process had not written yet is as old as a tick.
  function flush() {
    if (lines.length > 0) writeSync(descriptor, lines.join(''))
    lines = []
  }
  process.on('exit', flush)
  return {
    flush,
    /** @param {string} tag @param {number} atMs @param {unknown[]} fields */
    write(tag, atMs, ...fields) {
      if (lines.length === 0) setImmediate(flush)
      lines.push(`${JSON.stringify([tag, short(atMs), ...fields])}\n`)
    },
  }
}

/**
 * When the lease ends as it says itself; 0 where it is over. Read in this order it is never too late,
 * and not much too early unless the process was kept from running in between.
 *
 * @param {Lease} lease
 */
function validUntil(lease) {
  for (let attempt = 1; ; attempt++) {
    const nowMs = monotonicMs()
    const { remainingMs } = lease
    if (remainingMs === 0) return 0
    if (monotonicMs() - nowMs < QUICK_MS || attempt === 10) return short(nowMs + remainingMs)
  }
}

/** @param {string} file */
export function createRecorder(file) {
  const { write, flush } = createLines(file)
  const turns = watchTurns((fromMs, toMs) => write('stalled', toMs, short(fromMs)))
  let holdCount = 0
  let operations = 0
  /** @type {Map<number, Holding>} */
  const open = new Map()

  /** Whether the lease says that it is held. @param {Holding} holding */
  function ask(holding) {
    const atMs = monotonicMs()
    try {
      holding.lease.assertHeld()
    } catch {
      return false
    }
    holding.validUntilMs = Math.max(holding.validUntilMs, validUntil(holding.lease))
    write('held', atMs, holding.number, holding.validUntilMs)
    return true
  }
  const look = setInterval(() => {
    for (const holding of open.values()) if (!holding.isOver) ask(holding)
  }, LOOK_MS)

  /** @param {string} message */
  const crash = (message) => write('crashed', monotonicMs(), message)
  process.on('unhandledRejection', (reason) => crash(`rejected unhandled: ${String(reason)}`))
  process.on('uncaughtException', (error) => crash(`thrown uncaught: ${error.stack}`))

  return {
    ask,
    open,
    /** Leases that were got, and releases that were answered. */
    get operations() {
      return operations
    },
    /** An acquisition that got nothing. @param {string} name @param {number} invokedMs @param {string} why */
    missed(name, invokedMs, why) {
      write('missed', monotonicMs(), name, short(invokedMs), why)
    },
    /** @param {Lease} lease @param {number} invokedMs @returns {Holding} */
    acquired(lease, invokedMs) {
      operations++
      const atMs = monotonicMs()
      const { name, fence, signal } = lease
      const holding = { number: ++holdCount, lease, validUntilMs: validUntil(lease), isOver: false }
      const { number, validUntilMs } = holding
      write('acquired', atMs, number, name, fence, short(invokedMs), validUntilMs)
      open.set(number, holding)
      const tell = () => {
        holding.isOver = true
        const toldMs = monotonicMs()
        const idleMs = turns.idleMs(Math.max(atMs, holding.validUntilMs), toldMs)
        write('told', toldMs, number, signal.reason?.reason ?? 'nothing', short(idleMs))
      }
      if (signal.aborted) tell()
      else signal.addEventListener('abort', tell, { once: true })
      return holding
    },
    /** To be called before the release. @param {Holding} holding */
    releasing(holding) {
      const { number, lease } = holding
      const untilMs = validUntil(lease)
      write('releasing', monotonicMs(), number, untilMs)
      holding.isOver = true
    },
    /** @param {Holding} holding @param {string} answer */
    released({ number }, answer) {
      operations++
      open.delete(number)
      write('released', monotonicMs(), number, answer)
    },
    close() {
      turns.stop()
      clearInterval(look)
      flush()
    },
  }
}
