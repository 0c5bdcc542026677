// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { contend, judge, nowMs, percentile } from '../kit/contention.js'
import { startCrew } from '../kit/crew.js'
import { countCommands } from '../kit/monitor.js'
import { expect, startWindow } from '../kit/window.js'

/**
 * @typedef {import('../kit/competitor.js').Outcome} Outcome
 * @typedef {import('../kit/contention.js').Part} Part
 *
 * @typedef {object} BenchLocks
 * @property {number} everyMs how often one that waits asks at the least
 * @property {(name: string) => Promise<(() => Promise<unknown>) | null>} acquire what releases it,
 *   when its turn has come; null when it gave up
 * @property {() => unknown} close
 *
 * @typedef {(port: number) => Promise<BenchLocks>} Open
 *
 * @typedef {object} Sizes
 * @property {number} processes
 * @property {number} contenders of each process
 * @property {number} holdMs
 *
 * @typedef {object} Extent
 * @property {number} acquisitions
 * @property {number} warmUpRounds of each contender, with nothing to do while it holds the lock
 * @property {number} limitMs
 *
 * @typedef {Sizes & Extent & { kind: 'commands' | 'contend' }} Contest
 * @typedef {Sizes & { kind: 'waiting', periods: number, shortestMs: number }} Standing
 *
 * @typedef {{ do: 'open' } | { do: 'close' } | { do: 'wait', contenders: number }
 *   | ({ do: 'contend' } & import('../kit/contention.js').Terms)} Step
 */

export const TTL_MS = 30_000
const NAME = 'contended'
/** From the last process that is ready to the first that begins. */
const START_AFTER_MS = 30
/** Far more than any of them needs. */
const WARM_UP_LIMIT_MS = 30_000
/** Until all wait, and none is at its first call. */
const SETTLE_MS = 300

/** @type {import('../kit/crew.js').Crew | undefined} */
let crew
/** Of a process of the crew. @type {BenchLocks | undefined} */
let locks

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const [one, other] = [await open(port), await open(port)]
  const release = await one.acquire('checked')
  expect(release !== null, 'a free lock is refused')
  let got = false
  const second = other.acquire('checked').then((next) => {
    got = next !== null
    return next
  })
  await delay(100)
  expect(!got, 'two clients hold one lock')
  await release?.()
  const next = (await second) ?? (await other.acquire('checked'))
  expect(next !== null, 'a lock is not released')
  await next?.()
  await one.close()
  await other.close()
}

/** What a process of the crew does. @param {Open} open @param {number} port @param {Step} step */
export async function part(open, port, step) {
  if (step.do === 'open') {
    locks = await open(port)
    // Brings the scripts to the server, and the connection up.
    const release = await locks.acquire(`own:${process.pid}`)
    await release?.()
    return undefined
  }
  if (locks === undefined) throw new Error(`told to ${step.do} before it was told to open`)
  const { acquire, close } = locks
  if (step.do === 'contend') return contend(() => acquire(NAME), step)
  if (step.do === 'wait') {
    // Answered only by the end of this process.
    for (let index = 0; index < step.contenders; index++) insist(acquire).catch(() => {})
    return undefined
  }
  await close()
  locks = undefined
  return undefined
}

/** Asks anew as long as it gives up. @param {BenchLocks['acquire']} acquire */
async function insist(acquire) {
  for (;;) if ((await acquire(NAME)) !== null) return
}

/** @param {Open} open @param {number} port @param {Contest | Standing} task @returns {Promise<Outcome>} */
export async function measure(open, port, task) {
  crew ??= await startCrew(task.processes)
  await crew.eachInTurn({ do: 'open' })
  return task.kind === 'waiting' ? stand(crew, open, port, task) : contest(crew, port, task)
}

/** @param {import('../kit/crew.js').Crew} members @param {number} port @param {Contest} task */
async function contest(members, port, { kind, acquisitions, warmUpRounds, limitMs, ...sizes }) {
  const { processes, contenders, holdMs } = sizes
  const rounds = acquisitions / processes / contenders
  if (warmUpRounds > 0) {
    const startMs = nowMs() + START_AFTER_MS
    const terms = {
      contenders,
      rounds: warmUpRounds,
      holdMs: 0,
      startMs,
      limitMs: WARM_UP_LIMIT_MS,
    }
    await members.all({ do: 'contend', ...terms })
  }
  const stopCounting = kind === 'commands' ? await countCommands(port) : undefined
  const endWindow = startWindow(stopCounting ? undefined : port)
  const startMs = nowMs() + START_AFTER_MS
  const terms = { do: 'contend', contenders, rounds, holdMs, startMs, limitMs }
  const parts = /** @type {Part[]} */ (await members.all(terms))
  const counted = await stopCounting?.()
  const verdict = judge(parts)
  const outcome = await endWindow(verdict.acquisitions, verdict.cpuUs)
  const isCut = verdict.acquisitions < acquisitions
  if (isCut) stopCrew()
  else await members.all({ do: 'close' })

  const note = noteOf(verdict, { acquisitions, limitMs, isCut })
  const common = { ...outcome, ...(note === undefined ? {} : { note }) }
  if (counted !== undefined) {
    return { ...common, values: { 'handover-commands': counted.commands / verdict.acquisitions } }
  }
  const values = {
    // Not less than that; how much more is not known.
    total: isCut ? limitMs : verdict.totalMs,
    'wait-p99': percentile(verdict.waitsMs, 0.99),
    'handover-p50-ms': percentile(verdict.handOversMs, 0.5),
    'handover-p99-ms': percentile(verdict.handOversMs, 0.99),
  }
  return { ...common, values }
}

/**
 * @param {import('../kit/contention.js').Verdict} verdict
 * @param {{ acquisitions: number, limitMs: number, isCut: boolean }} terms
 */
function noteOf(verdict, { acquisitions, limitMs, isCut }) {
  const cut = isCut
    ? [`cut off after ${limitMs} ms with ${verdict.acquisitions} of ${acquisitions} acquisitions`]
    : []
  const gaveUp =
    verdict.refusals > 0 ? [`gave up ${verdict.refusals} times and was asked anew`] : []
  const facts = [...cut, ...gaveUp]
  return facts.length === 0 ? undefined : facts.join('; ')
}

/**
 * All wait behind one holder. What polls ten times a second shows its rate sooner than what asks
 * once: each is counted for as many of its periods.
 *
 * @param {import('../kit/crew.js').Crew} members
 * @param {Open} open @param {number} port @param {Standing} task
 */
async function stand(members, open, port, { contenders, periods, shortestMs }) {
  const holder = await open(port)
  const release = await holder.acquire(NAME)
  await members.all({ do: 'wait', contenders })
  await delay(SETTLE_MS)
  const endWindow = startWindow()
  const startMs = nowMs()
  const stopCounting = await countCommands(port)
  await delay(Math.max(shortestMs, holder.everyMs * periods))
  const { commands, pings } = await stopCounting()
  const seconds = (nowMs() - startMs) / 1_000
  const outcome = await endWindow(commands)
  stopCrew()
  await release?.()
  await holder.close()
  const note = pings > 0 ? { note: `${(pings / seconds).toFixed(1)} pings/s beside` } : {}
  return { ...outcome, ...note, values: { 'waiting-commands-per-second': commands / seconds } }
}

/** Whatever it is at. The next measurement has a new one. */
function stopCrew() {
  crew?.stop()
  crew = undefined
}
