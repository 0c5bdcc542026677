// @ts-check
// One cell: servers of its own, the program under test, an outage, and the verdict.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { seedOf } from './cells.js'
import { judge } from './checks.js'
import { nowMs, readHistory } from './history.js'

/**
 * @typedef {import('./cells.js').Cell} Cell
 * @typedef {import('./program.js').News} News
 * @typedef {import('./program.js').Order} Order
 * @typedef {import('./checks.js').Verdict & {cell: string, faults: number}} CellResult
 *
 * @typedef {object} CellRun
 * @property {number} seed of the whole run
 * @property {string} folder where histories go
 * @property {<T>(start: () => Promise<T>) => Promise<T>} [startInTurn] starts of servers are what costs most
 */

const PROGRAM = path.join(import.meta.dirname, 'program.js')
const WARM_WITHIN_MS = 30_000
/** From healing to the end of the program; it has deadlines of its own for all that it does. */
const END_WITHIN_MS = 60_000
/** A program whose Sluices are closed has nothing left that keeps it alive. */
const EXIT_WITHIN_MS = 3_000

const delay = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** @param {import('./program.js').Settings} settings */
function startProgram(settings) {
  const child = fork(PROGRAM, [JSON.stringify(settings)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaints = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints = `${complaints}${text}`.slice(-2_000)
  })
  /** @type {Set<string>} */
  const said = new Set()
  let isEnded = false
  let wake = () => {}
  child.on('message', (news) => {
    said.add(/** @type {News} */ (news).say)
    wake()
  })
  child.on('error', () => {})
  // News may still be under way when the process is gone; the channel closes behind them.
  const end = Promise.all(['exit', 'disconnect'].map((event) => once(child, event)))
  void end.then(() => {
    isEnded = true
    wake()
  })
  /** Whether it became so in time. @param {() => boolean} isSo @param {number} withinMs */
  async function until(isSo, withinMs) {
    const deadlineMs = nowMs() + withinMs
    const timer = setTimeout(() => wake(), withinMs + 1)
    while (!isSo() && !isEnded && nowMs() < deadlineMs) {
      await new Promise((resolve) => {
        wake = () => resolve(undefined)
      })
    }
    clearTimeout(timer)
    return isSo()
  }
  return {
    complaints: () => complaints,
    /** @param {Order} order */
    order: (order) => void (child.connected && child.send(order, () => {})),
    /** @param {News['say']} what @param {number} withinMs */
    says: (what, withinMs) => until(() => said.has(what), withinMs),
    /** @param {number} withinMs */
    ends: (withinMs) => until(() => isEnded, withinMs),
    kill: () => child.kill('SIGKILL'),
  }
}

/** @param {Cell} cell @param {CellRun} run @returns {Promise<CellResult>} */
export async function runCell(cell, { seed, folder, startInTurn = (start) => start() }) {
  const { kind, topology, lengthMs, name } = cell
  const file = path.join(folder, `${name.replaceAll('/', '-')}.jsonl`)
  const expectation = kind.expects(topology)
  const start = kind.topologies[topology]
  if (start === undefined) throw new Error(`${kind.name} has no ${topology}.`)
  const ground = await startInTurn(start)
  const program = startProgram({
    ...{ url: ground.url, file, seed: seedOf(seed, name) },
    resumeWithinMs: expectation.resumeWithinMs,
  })
  let faults = 1
  const problems = []
  try {
    if (!(await program.says('warm', WARM_WITHIN_MS))) {
      throw new Error(`The program did not get going. ${program.complaints()}`)
    }
    program.order({ say: 'begin', quiet: kind.quiet === true })
    const beginMs = nowMs()
    const count = () => {
      faults += 1
    }
    const scene = { ground, topology, lengthMs, count }
    const end = await kind.begin(scene)
    await delay(beginMs + lengthMs - nowMs())
    await end()
    const healedMs = nowMs()
    program.order({ say: 'healed' })
    if (!(await program.says('done', END_WITHIN_MS))) {
      problems.push(`hang: the program did not come to its end. ${program.complaints()}`)
    } else if (!(await program.ends(EXIT_WITHIN_MS))) {
      problems.push('hygiene: the program stayed alive after close()')
    }
    const verdict = judge({
      ...{ history: readHistory(file), expectation, lengthMs, beginMs, healedMs },
    })
    return { ...verdict, cell: name, faults, violations: [...problems, ...verdict.violations] }
  } finally {
    program.kill()
    await ground.close()
  }
}
