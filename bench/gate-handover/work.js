// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs, percentile } from '../kit/contention.js'
import { startCrew } from '../kit/crew.js'
import { connectedClients, countCommands } from '../kit/monitor.js'
import { expectEachOnce, turnsOf } from '../kit/runs.js'
import { until } from '../kit/until.js'
import { expect, startWindow } from '../kit/window.js'
import { payloadOf, waitUntilDone } from '../queue-process/work.js'

/**
 * @typedef {import('../kit/competitor.js').Outcome} Outcome
 * @typedef {import('../kit/crew.js').Crew} Crew
 * @typedef {import('../kit/runs.js').Run} Run
 *
 * @typedef {object} Callers
 * @property {() => Promise<number>} parked
 * @property {(name: string) => Promise<() => Promise<unknown>>} acquire what releases it
 *
 * @typedef {import('../queue-process/work.js').BenchQueue & import('../queue-process/work.js').Pausable & Callers} BenchGates
 * @typedef {(port: number, locks: number) => Promise<BenchGates>} Open
 *
 * @typedef {object} Turns
 * @property {'turns'} kind
 * @property {number} processes
 * @property {number} warmUpJobs
 * @property {number} jobs
 * @property {number} workMs of each job
 * @property {number} holdMs of the caller
 * @property {number} pauseMs from its release to its next call
 *
 * @typedef {object} Parked
 * @property {'parked'} kind
 * @property {number} processes
 * @property {number} jobs
 * @property {number} locks
 * @property {number} parkedMs
 *
 * @typedef {{ do: 'work', locks: number, workMs: number } | { do: 'count' } | { do: 'close' }} Step
 * @typedef {{ runs: Run[], cpuUs: number }} Part of one process
 */

const CONCURRENCY = 10
const LOOK_MS = 50
/** Until what is under way has reached the server. */
const SETTLE_MS = 300
/** Of each lock at least one, so that connections and scripts are there. */
const FIRST_JOBS = 200

/** @param {number} index @param {number} locks */
export const lockOf = (index, locks) => `user:${index % locks}`

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const terms = { workMs: 1, holdMs: 1, pauseMs: 3 }
  await measure(open, port, { kind: 'turns', processes: 2, warmUpJobs: 10, jobs: 20, ...terms })
}

/** Of a process of the crew. @type {{ queue: BenchGates, runs: Run[], startCpu: NodeJS.CpuUsage } | undefined} */
let worker

/** What a process of the crew does. @param {Open} open @param {number} port @param {Step} step */
export async function part(open, port, step) {
  if (step.do === 'work') {
    const { locks, workMs } = step
    const queue = await open(port, locks)
    /** @type {Run[]} */
    const runs = []
    worker = { queue, runs, startCpu: process.cpuUsage() }
    await queue.work(CONCURRENCY, async ({ index }) => {
      const begunMs = nowMs()
      if (workMs > 0) await delay(workMs)
      runs.push({ key: lockOf(index, locks), kind: 'job', index, begunMs, endedMs: nowMs() })
    })
    return undefined
  }
  if (worker === undefined) throw new Error(`told to ${step.do} before it was told to work`)
  if (step.do === 'count') return worker.runs.length
  const { queue, runs, startCpu } = worker
  worker = undefined
  const { user, system } = process.cpuUsage(startCpu)
  await queue.close()
  return { runs, cpuUs: user + system }
}

/** @param {Open} open @param {number} port @param {Turns | Parked} task @returns {Promise<Outcome>} */
export async function measure(open, port, task) {
  const crew = await startCrew(task.processes)
  const callers = await open(port, task.kind === 'turns' ? 1 : task.locks)
  const outcome = await (task.kind === 'turns'
    ? takeTurns(crew, callers, port, task)
    : stayParked(crew, callers, port, task))
  await callers.close()
  crew.stop()
  return outcome
}

/**
 * A caller and the jobs of one lock take turns: all are parked while it holds the lock, it lets some run, and comes back.
 * @param {Crew} crew @param {BenchGates} callers @param {number} port @param {Turns} task
 */
async function takeTurns(crew, callers, port, { warmUpJobs, jobs, workMs, holdMs, pauseMs }) {
  const total = warmUpJobs + jobs
  let release = await callers.acquire(lockOf(0, 1))
  await callers.addBulk(Array.from({ length: total }, (_, index) => payloadOf(index)))
  await crew.all({ do: 'work', locks: 1, workMs })
  await until(LOOK_MS, async () => (await callers.parked()) === total, 'all jobs are parked')

  /** @type {Run[]} */
  const holds = []
  const end = startWindow(port)
  let isOver = false
  const over = until(
    LOOK_MS,
    async () => (await handled(crew)) === total,
    'all jobs have run',
  ).finally(() => {
    isOver = true
  })
  let begunMs = nowMs()
  while (!isOver) {
    await delay(holdMs)
    holds.push({ key: lockOf(0, 1), kind: 'holder', index: -1, begunMs, endedMs: nowMs() })
    await release()
    await delay(pauseMs)
    release = await callers.acquire(lockOf(0, 1))
    begunMs = nowMs()
  }
  await over
  await release()
  await waitUntilDone(callers)
  const parts = /** @type {Part[]} */ (await crew.all({ do: 'close' }))
  const runs = parts.flatMap((part) => part.runs)
  const crewUs = parts.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
  const outcome = await end(total, crewUs)
  expectEachOnce(runs, total)
  const measured = turnsOf([...runs, ...holds]).filter(({ next }) => next.index >= warmUpJobs)
  /** @param {Run['kind']} kind @param {number} share */
  const after = (kind, share) => {
    const some = measured.filter(({ last }) => last.kind === kind)
    return percentile(
      some.map(({ last, next }) => next.begunMs - last.endedMs),
      share,
    )
  }
  const values = {
    'after-caller-p50-ms': after('holder', 0.5),
    'after-caller-p99-ms': after('holder', 0.99),
    'after-job-p50-ms': after('job', 0.5),
    'after-job-p99-ms': after('job', 0.99),
  }
  return { ...outcome, values }
}

/**
 * What is sent from the claims until all are parked, while they are, and until all have ended.
 * @param {Crew} crew @param {BenchGates} callers @param {number} port @param {Parked} task
 */
async function stayParked(crew, callers, port, { jobs, locks, parkedMs }) {
  await callers.addBulk(Array.from({ length: FIRST_JOBS }, (_, index) => payloadOf(index)))
  // Who waits for a lock listens, on a connection of its own.
  const [first, second] = [callers.acquire(lockOf(0, locks)), callers.acquire(lockOf(0, locks))]
  await (await first)()
  await (await second)()
  const callersClients = await connectedClients(port)
  await crew.all({ do: 'work', locks, workMs: 0 })
  await until(LOOK_MS, async () => (await handled(crew)) === FIRST_JOBS, 'the first jobs have run')
  await waitUntilDone(callers)

  await callers.pause()
  const names = Array.from({ length: locks }, (_, index) => lockOf(index, locks))
  const releases = await Promise.all(names.map(callers.acquire))
  await callers.addBulk(Array.from({ length: jobs }, (_, index) => payloadOf(index)))
  await delay(SETTLE_MS)
  const end = startWindow()
  const stopParking = await countCommands(port, callersClients)
  await callers.resume()
  await delay(SETTLE_MS * 5)
  const parking = await stopParking()
  expect((await callers.parked()) === jobs, `${await callers.parked()} of ${jobs} jobs are parked`)

  const startMs = nowMs()
  const stopWaiting = await countCommands(port, callersClients)
  await delay(parkedMs)
  const waiting = await stopWaiting()
  const waitedMs = nowMs() - startMs

  const stopLettingIn = await countCommands(port, callersClients)
  await Promise.all(releases.map((release) => release()))
  await until(LOOK_MS, async () => (await handled(crew)) === FIRST_JOBS + jobs, 'all jobs have run')
  await delay(SETTLE_MS)
  const lettingIn = await stopLettingIn()
  await waitUntilDone(callers)
  await crew.all({ do: 'close' })

  const ofJobs = parking.commands + lettingIn.commands
  const outcome = await end(jobs)
  const values = {
    // What is sent for a lock meanwhile counts for those behind it.
    'one-lock-commands': (ofJobs + waiting.commands) / jobs,
    'own-locks-commands': ofJobs / jobs,
    'own-locks-waiting': waiting.commands / locks / (waitedMs / 1_000),
  }
  const facts = [`${parking.commands} until parked`, `${waiting.commands} while parked`]
  return {
    ...outcome,
    values,
    note: [...facts, `${lettingIn.commands} after that`].join(', '),
  }
}

/** Asked without the server: only what workers send is counted. @param {Crew} crew */
async function handled(crew) {
  const counts = /** @type {number[]} */ (await crew.all({ do: 'count' }))
  return counts.reduce((sum, count) => sum + count, 0)
}
