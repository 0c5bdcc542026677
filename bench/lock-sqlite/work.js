// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { contend, judge, nowMs, percentile } from '../kit/contention.js'
import { CLIENT_CORE, SERVER_CORE } from '../kit/cores.js'
import { startCrew } from '../kit/crew.js'
import { expect, measureCalls, startWindow } from '../kit/window.js'

/**
 * @typedef {import('../kit/competitor.js').Outcome} Outcome
 * @typedef {import('../kit/contention.js').Part} Part
 * @typedef {import('../kit/contention.js').Terms} Terms
 *
 * @typedef {object} BenchLocks
 * @property {(name: string) => Promise<() => Promise<unknown>>} acquire what releases it, when its
 *   turn has come
 * @property {() => Promise<void>} close
 *
 * @typedef {'memory' | 'file-full' | 'file-normal'} Store
 * @typedef {(folder: string, store?: Store) => Promise<BenchLocks>} Open
 *
 * @typedef {{ store: Store, inFlight: number, warmUpMs: number, durationMs: number }} Pairs
 *
 * @typedef {object} Contest
 * @property {number} processes
 * @property {number} rounds
 * @property {number} warmUpRounds
 * @property {number} holdMs
 * @property {number} limitMs
 */

const NAME = 'contended'
const START_AFTER_MS = 30

/** @param {Open} open @param {string} folder */
export async function check(open, folder) {
  const [one, other] = [await open(folder), await open(folder)]
  const release = await one.acquire('checked')
  let got = false
  const second = other.acquire('checked').then((next) => {
    got = true
    return next
  })
  await delay(100)
  expect(!got, 'two clients hold one lock')
  await release()
  await (await second)()
  await one.close()
  await other.close()
}

/** @param {Open} open @param {string} folder @param {Pairs | Contest} task */
export async function measure(open, folder, task) {
  if ('processes' in task) return contest(task)
  const { store, ...terms } = task
  const locks = await open(folder, store)
  const outcome = await measureCalls(undefined, terms, async (index) => {
    const release = await locks.acquire(`bench:${index}`)
    await release()
  })
  await locks.close()
  return { ...outcome, values: { [store]: (outcome.count / outcome.elapsedMs) * 1_000 } }
}

/** What a process of the crew does. @param {Open} open @param {string} folder @param {Terms} terms */
export async function part(open, folder, terms) {
  const locks = await open(folder)
  const done = await contend(() => locks.acquire(NAME), terms)
  await locks.close()
  return done
}

/** Without a server its core is free: the processes take both. @param {Contest} task */
async function contest({ processes, rounds, warmUpRounds, holdMs, limitMs }) {
  const crew = await startCrew(processes, [CLIENT_CORE, SERVER_CORE])
  const terms = { contenders: 1, holdMs, limitMs }
  const begin = () => ({ startMs: nowMs() + START_AFTER_MS })
  await crew.all({ ...terms, rounds: warmUpRounds, ...begin() })
  const endWindow = startWindow()
  const parts = /** @type {Part[]} */ (await crew.all({ ...terms, rounds, ...begin() }))
  crew.stop()
  const { acquisitions, handOversMs, cpuUs } = judge(parts)
  const wanted = processes * rounds
  if (acquisitions < wanted) {
    throw new Error(`${acquisitions} of ${wanted} acquisitions after ${limitMs} ms`)
  }
  const outcome = await endWindow(acquisitions, cpuUs)
  return { ...outcome, values: { 'contended-p99-ms': percentile(handOversMs, 0.99) } }
}
