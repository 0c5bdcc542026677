// @ts-check
// A few processes, each behind a proxy of its own that fails, on one server. What all of them were
// told is then held against what the server has.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startProxy } from '../proxy.js'
import { startServer } from '../servers.js'
import { seededChance } from '../sqlite-chance.js'
import { badEnds } from '../violations.js'
import { checkCalls } from './check-calls.js'
import { checkJobs } from './check-jobs.js'
import { checkLimits } from './check-limits.js'
import { checkLocks } from './check-locks.js'
import { readHistory } from './history.js'
import { LIMITERS, LONGEST_TTL_MS, onlyFills } from './plan.js'
import { readStore } from './store.js'
import { startWeather } from './weather.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Violation} Violation
 *
 * @typedef {object} OutcomesRun
 * @property {number} seed
 * @property {number} operations
 * @property {(progress: {operations: number, faults: Faults}) => void} [onProgress] every few seconds
 *
 * @typedef {{resets: number, storms: number, drops: number}} Faults
 *
 * @typedef {object} Outcomes
 * @property {number} operations that were answered
 * @property {Faults} faults
 * @property {Record<'ok' | 'fail' | 'unknown', number>} ends
 * @property {Record<string, number>} unknownOf by operation
 * @property {number} longestOverMs how far a call went beyond its deadline, at most
 * @property {Violation[]} violations
 */

const PROCESSES = 3
const COMMAND_TIMEOUT_MS = 500
const PROGRESS_MS = 5_000
const PROGRAM = path.join(import.meta.dirname, 'process.js')

/** @param {OutcomesRun} run @returns {Promise<Outcomes>} */
export async function runOutcomes({ seed, operations, onProgress = () => {} }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-outcomes-'))
  const server = await startServer()
  /** @type {Peer[]} */
  const peers = []
  try {
    const share = Math.ceil(operations / PROCESSES)
    for (let index = 0; index < PROCESSES; index++) {
      const file = path.join(folder, `${index}.jsonl`)
      peers.push(await startPeer(server, { who: `${index}`, seed: seed * 10 + index, share, file }))
    }
    const faults = () => sumOf(peers.map(({ weather }) => weather.faults))
    const timer = setInterval(() => {
      const ended = peers.reduce((sum, peer) => sum + peer.endedCount, 0)
      onProgress({ operations: ended, faults: faults() })
    }, PROGRESS_MS)
    const exits = await live(peers).finally(() => clearInterval(timer))
    // What a caller gave up may still be held for as long as a lease lasts.
    await pause(LONGEST_TTL_MS)
    const store = await readStore(server, LIMITERS.filter(onlyFills))
    const history = readHistory(peers.flatMap(({ file }) => readFileSync(file, 'utf8').split('\n')))
    const violations = [
      ...exits,
      ...checkCalls(history),
      ...checkJobs(history, store.jobs),
      ...checkLocks(history, store.locks),
      ...checkLimits(history, store.charges, LIMITERS),
    ]
    return { ...measure(history), faults: faults(), violations }
  } finally {
    for (const { child } of peers) child.kill('SIGKILL')
    await Promise.all(peers.map(({ proxy }) => proxy.close()))
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @typedef {Awaited<ReturnType<typeof startPeer>>} Peer
 *
 * @param {{port: number, host: string}} server
 * @param {{who: string, seed: number, share: number, file: string}} options
 */
async function startPeer(server, { who, seed, share, file }) {
  const chance = seededChance(seed)
  const proxy = await startProxy({ to: server, random: chance.next })
  const weather = startWeather(proxy, chance)
  /** @type {import('./process.js').ProcessPlan} */
  const plan = {
    ...{ who, file, operations: share, timeoutMs: COMMAND_TIMEOUT_MS },
    url: `redis://${proxy.host}:${proxy.port}`,
    seed: chance.whole(1, 1e9),
  }
  const child = fork(PROGRAM, [JSON.stringify(plan)])
  const peer = { who, file, proxy, weather, child, endedCount: 0 }
  const spent = new Promise((resolve) => {
    child.once('exit', resolve)
    child.on('message', (message) => {
      const told = /** @type {{endedCount?: number, isSpent?: boolean}} */ (message)
      peer.endedCount = told.endedCount ?? peer.endedCount
      if (told.isSpent) resolve(undefined)
    })
  })
  /** @type {Promise<number | string | null>} */
  const exit = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
  return Object.assign(peer, { spent, exit })
}

/** Until all have made their calls, everything has cleared up and they are gone. @param {readonly Peer[]} peers @returns {Promise<Violation[]>} */
async function live(peers) {
  await Promise.all(peers.map(({ spent }) => spent))
  await Promise.all(peers.map(({ weather }) => weather.clearUp()))
  for (const { child } of peers) if (child.connected) child.send('healed')
  const ends = await Promise.all(peers.map(async ({ who, exit }) => ({ who, exit: await exit })))
  return badEnds(ends.filter(({ exit }) => exit !== 0))
}

/** @param {readonly Faults[]} all @returns {Faults} */
function sumOf(all) {
  const sum = { resets: 0, storms: 0, drops: 0 }
  for (const { resets, storms, drops } of all) {
    sum.resets += resets
    sum.storms += storms
    sum.drops += drops
  }
  return sum
}

/** @param {History} history */
function measure({ calls }) {
  const ends = { ok: 0, fail: 0, unknown: 0 }
  /** @type {Record<string, number>} */
  const unknownOf = {}
  let longestOverMs = 0
  for (const { op, end, endedMs = 0, invokedMs, withinMs, stalledMs = 0 } of calls) {
    if (end === undefined) continue
    ends[end]++
    if (end === 'unknown') unknownOf[op] = (unknownOf[op] ?? 0) + 1
    longestOverMs = Math.max(longestOverMs, endedMs - invokedMs - stalledMs - withinMs)
  }
  return { operations: ends.ok + ends.fail + ends.unknown, ends, unknownOf, longestOverMs }
}
