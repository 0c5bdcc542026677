// @ts-check
// The processes of a run, each behind a proxy of its own.
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from '../child.js'
import { startProxy } from '../proxy.js'
import { PLANS, PROCESSES } from './plan.js'

/**
 * @typedef {Awaited<ReturnType<typeof startCrew>>} Crew
 * @typedef {import('./recorder.js').Counts} Counts
 * @typedef {{next: () => number, whole: (low: number, high: number) => number}} Chance
 */

const PROGRAM = path.join(import.meta.dirname, 'process.js')

/** @param {string} who @param {{url: string, folder: string, seed: number}} options */
function startMember(who, { url, folder, seed }) {
  /** @type {Counts} */
  const none = { decided: PLANS.map(() => 0), refused: 0, unknown: 0, notApplied: 0 }
  const state = { counts: none }
  const onMessage = (/** @type {Counts} */ counts) => {
    state.counts = counts
  }
  /** @type {Omit<import('./process.js').ProcessPlan, 'file'>} */
  const plan = { url, seed }
  return Object.assign(state, startChild(PROGRAM, who, { folder, plan, onMessage }))
}

/** @param {{server: import('../server.js').Endpoint, folder: string, chance: Chance}} options */
export async function startCrew({ server, folder, chance }) {
  const proxies = await Promise.all(
    Array.from({ length: PROCESSES }, () => startProxy({ to: server, random: chance.next })),
  )
  const urls = proxies.map(({ host, port }) => `redis://${host}:${port}`)
  const start = (/** @type {number} */ index, /** @type {string} */ who) =>
    startMember(who, { url: urls[index] ?? '', folder, seed: chance.whole(1, 1e9) })
  const members = proxies.map((_, index) => start(index, `${index}`))
  const all = [...members]
  const pick = () => chance.whole(0, PROCESSES - 1)
  const sumOf = (/** @type {(counts: Counts) => number} */ read) =>
    all.reduce((sum, { counts }) => sum + read(counts), 0)

  return {
    /** Decisions on each plan. */
    decided: () => PLANS.map((_, index) => sumOf(({ decided }) => decided[index] ?? 0)),
    others: () => ({
      refused: sumOf(({ refused }) => refused),
      unknown: sumOf(({ unknown }) => unknown),
      notApplied: sumOf(({ notApplied }) => notApplied),
    }),
    /** Ends a process by kill -9, and starts another one in its place. */
    async kill() {
      const index = pick()
      members[index]?.kill('SIGKILL')
      await members[index]?.exit
      const next = start(index, `${index}-${all.length}`)
      members[index] = next
      all.push(next)
    },
    /** @param {number} ms */
    async stop(ms) {
      const member = members[pick()]
      member?.kill('SIGSTOP')
      await pause(ms)
      member?.kill('SIGCONT')
    },
    /** What befalls the connections of one process. @param {keyof typeof import('../proxy.js').outages} outage @param {number} ms */
    async cut(outage, ms) {
      const proxy = proxies[pick()]
      await proxy?.fail(outage)
      await pause(ms)
      await proxy?.pass()
      proxy?.forgetDead()
    },
    /** All end in good order. Returns who ended otherwise. */
    async end() {
      for (const { tell } of members) tell('end')
      const ends = await Promise.all(
        members.map(async ({ who, exit }) => ({ who, exit: await exit })),
      )
      return ends.filter(({ exit }) => exit !== 0)
    },
    files: () => all.map(({ who, file }) => ({ who, file })),
    /** Nothing is left of it, however the run ended. */
    async close() {
      for (const { kill } of all) kill('SIGKILL')
      await Promise.all(proxies.map((proxy) => proxy.close()))
    },
  }
}
