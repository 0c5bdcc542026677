// @ts-check
// The processes of a run: each is ended, replaced and stopped by itself.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from '../child.js'
import { readProcess } from './history.js'
import { PROCESSES } from './plan.js'

/** @typedef {ReturnType<typeof startCrew>} Crew */

const PROGRAM = path.join(import.meta.dirname, 'process.js')

/**
 * @param {string} who
 * @param {string} folder
 * @param {Omit<import('./process.js').ProcessPlan, 'file'>} options
 */
function startMember(who, folder, options) {
  const state = { operations: 0 }
  const onMessage = (/** @type {import('./process.js').News} */ { operations }) => {
    state.operations = operations
  }
  return Object.assign(state, startChild(PROGRAM, who, { folder, plan: options, onMessage }))
}

/** @param {{url: string, folder: string, way: import('./increments.js').Way, chance: {whole: (low: number, high: number) => number}}} options */
export function startCrew({ url, folder, way, chance }) {
  /** @type {ReturnType<typeof startMember>[]} */
  const all = []
  function start(/** @type {string} */ who) {
    const member = startMember(who, folder, { url, way, seed: chance.whole(1, 1e9) })
    all.push(member)
    return member
  }
  const members = Array.from({ length: PROCESSES }, (_, index) => start(`${way}-${index}`))
  const pick = () => chance.whole(0, PROCESSES - 1)

  return {
    get operations() {
      return all.reduce((sum, { operations }) => sum + operations, 0)
    },
    /** Ends a process by kill -9, and starts another one in its place. */
    async kill() {
      const index = pick()
      members[index]?.kill('SIGKILL')
      await members[index]?.exit
      members[index] = start(`${way}-${index}-${all.length}`)
    },
    /** @param {number} ms */
    async stop(ms) {
      const member = members[pick()]
      member?.kill('SIGSTOP')
      await pause(ms)
      member?.kill('SIGCONT')
    },
    /** All end in good order. Returns who ended otherwise. */
    async end() {
      for (const { tell } of members) tell({ end: true })
      const ends = members.map(async ({ who, exit }) => ({ who, exit: await exit }))
      return (await Promise.all(ends)).filter(({ exit }) => exit !== 0)
    },
    readHistory: () => all.flatMap(({ who, file }) => readProcess(who, readFileSync(file, 'utf8'))),
    /** Nothing is left of it, however the run ended. */
    close() {
      for (const { kill } of all) kill('SIGKILL')
    },
  }
}
