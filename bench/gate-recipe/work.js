// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs } from '../kit/contention.js'
import { startCrew } from '../kit/crew.js'
import { connectedClients, countCommands } from '../kit/monitor.js'
import { expectEachOnce, turnsOf } from '../kit/runs.js'
import { until } from '../kit/until.js'
import { startWindow } from '../kit/window.js'
import { payloadOf, waitUntilDone } from '../queue-process/work.js'

/**
 * @typedef {import('../kit/competitor.js').Outcome} Outcome
 * @typedef {import('../kit/crew.js').Crew} Crew
 * @typedef {import('../kit/runs.js').Run} Run
 * @typedef {import('../queue-process/work.js').BenchQueue} BenchQueue
 * @typedef {import('../queue-process/work.js').Payload} Payload
 *
 * @typedef {object} Keyed
 * @property {(concurrency: number, handle: (payload: Payload) => Promise<void>, waste: () => void) => Promise<unknown>} work
 *   `waste` says that a job was delivered in vain
 *
 * @typedef {Omit<BenchQueue, 'work'> & import('../queue-process/work.js').Pausable & Keyed} BenchKeyed
 * @typedef {(port: number) => Promise<BenchKeyed>} Open
 *
 * @typedef {object} Task
 * @property {'time' | 'commands'} kind
 * @property {number} processes
 * @property {number} concurrency of each
 * @property {number} workMs
 * @property {number} warmUpJobs
 * @property {number} jobs
 *
 * @typedef {{ do: 'work', concurrency: number, workMs: number } | { do: 'begin' }
 *   | { do: 'count' } | { do: 'end' } | { do: 'close' }} Step
 * @typedef {{ runs: Run[], wasted: number, cpuUs: number }} Part of one process, since it began
 */

const KEYS = 10
const LOOK_MS = 50
/** Until what is under way has reached the server. */
const SETTLE_MS = 100

/** At random, but the same for all competitors. @param {Payload} payload */
export function keyOf({ index }) {
  let bits = Math.imul(index + 1, 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return `user:${((bits ^ (bits >>> 16)) >>> 0) % KEYS}`
}

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const sizes = { processes: 2, concurrency: 10, workMs: 1, warmUpJobs: 20, jobs: 50 }
  await measure(open, port, { kind: 'time', ...sizes })
}

/** Of a process of the crew. @type {{ queue: BenchKeyed, part: Part, startCpu: NodeJS.CpuUsage } | undefined} */
let worker

/** What a process of the crew does. @param {Open} open @param {number} port @param {Step} step */
export async function part(open, port, step) {
  if (step.do === 'work') {
    worker = await begin(await open(port), step)
    return undefined
  }
  if (worker === undefined) throw new Error(`told to ${step.do} before it was told to work`)
  if (step.do === 'count') return worker.part.runs.length
  if (step.do === 'begin') {
    Object.assign(worker.part, { runs: [], wasted: 0 })
    worker.startCpu = process.cpuUsage()
    return undefined
  }
  if (step.do === 'end') {
    const { user, system } = process.cpuUsage(worker.startCpu)
    return { ...worker.part, cpuUs: user + system }
  }
  await worker.queue.close()
  worker = undefined
  return undefined
}

/** @param {BenchKeyed} queue @param {{ concurrency: number, workMs: number }} terms */
async function begin(queue, { concurrency, workMs }) {
  /** @type {Part} */
  const part = { runs: [], wasted: 0, cpuUs: 0 }
  await queue.work(
    concurrency,
    async (payload) => {
      const begunMs = nowMs()
      await delay(workMs)
      const { index } = payload
      part.runs.push({ key: keyOf(payload), kind: 'job', index, begunMs, endedMs: nowMs() })
    },
    () => {
      part.wasted++
    },
  )
  return { queue, part, startCpu: process.cpuUsage() }
}

/** @param {Open} open @param {number} port @param {Task} task @returns {Promise<Outcome>} */
export async function measure(open, port, { kind, processes, warmUpJobs, jobs, ...terms }) {
  const queue = await open(port)
  const crew = await startCrew(processes)
  // Before the workers connect: what they send is counted.
  await queue.pause()
  await queue.resume()
  const others = await connectedClients(port)
  await crew.all({ do: 'work', ...terms })
  await runAll(crew, queue, warmUpJobs)

  /** @type {Awaited<ReturnType<typeof countCommands>> | undefined} */
  let stopCounting
  /** @type {ReturnType<typeof startWindow> | undefined} */
  let end
  await runAll(crew, queue, jobs, async () => {
    if (kind === 'commands') stopCounting = await countCommands(port, others)
    end = startWindow(kind === 'commands' ? undefined : port)
  })
  const counted = await stopCounting?.()
  const parts = /** @type {Part[]} */ (await crew.all({ do: 'end' }))
  const sum = (/** @type {(part: Part) => number} */ value) =>
    parts.reduce((total, part) => total + value(part), 0)
  const outcome = await end?.(
    jobs,
    sum(({ cpuUs }) => cpuUs),
  )
  if (outcome === undefined) throw new Error('the run never began')
  await waitUntilDone(queue)
  await crew.all({ do: 'close' })
  crew.stop()
  await queue.close()

  const runs = parts.flatMap((part) => part.runs)
  expectEachOnce(runs, jobs)
  turnsOf(runs)
  const begunMs = Math.min(...runs.map((run) => run.begunMs))
  const endedMs = Math.max(...runs.map((run) => run.endedMs))
  const values = {
    total: endedMs - begunMs,
    wasted: sum(({ wasted }) => wasted) / jobs,
    commands: (counted?.commands ?? 0) / jobs,
  }
  return { ...outcome, values }
}

/**
 * All wait before the first one runs.
 * @param {Crew} crew @param {BenchKeyed} queue @param {number} jobs @param {() => Promise<void>} [ready]
 */
async function runAll(crew, queue, jobs, ready) {
  await queue.pause()
  await queue.addBulk(Array.from({ length: jobs }, (_, index) => payloadOf(index)))
  await crew.all({ do: 'begin' })
  await ready?.()
  await queue.resume()
  await until(
    LOOK_MS,
    async () => {
      const counts = /** @type {number[]} */ (await crew.all({ do: 'count' }))
      return counts.reduce((sum, count) => sum + count, 0) === jobs
    },
    'all jobs have run',
  )
  await delay(SETTLE_MS)
}
