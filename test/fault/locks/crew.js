// @ts-check
// The processes of a run: each is ended, replaced, stopped and blocked by itself.
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from '../child.js'
import { monotonicMs } from '../outcomes/history.js'
import { LAST } from './history.js'
import { createResource } from './resource.js'

/**
 * @typedef {Awaited<ReturnType<typeof startCrew>>} Crew
 * @typedef {ReturnType<typeof startMember>} Member
 *
 * @typedef {object} CrewOptions
 * @property {string} url
 * @property {string} folder of the files in which processes write
 * @property {number} size
 * @property {string} [program] that each of them runs; that of locks by default
 * @property {import('./notes.js').Notes} notes
 * @property {{whole: (low: number, high: number) => number}} chance
 */

const PROGRAM = path.join(import.meta.dirname, 'process.js')
/** Under full load a process holds a hot name within milliseconds; without a server it never does. */
const HOLDING_PATIENCE_MS = 1_000

/**
 * @param {string} who
 * @param {Omit<import('./process.js').ProcessPlan, 'file'> & {folder: string, program: string}} options
 * @param {import('./resource.js').Resource} resource
 */
function startMember(who, { folder, program, ...plan }, resource) {
  const state = { operations: 0, onHolding: (/** @type {string} */ _name) => {} }
  const onMessage = (/** @type {import('./process.js').News} */ news) => {
    state.operations = news.operations ?? state.operations
    if (news.holding) state.onHolding(news.holding)
    if (!news.writes) return
    resource.write(who, news.writes)
    member.tell({ answered: true })
  }
  const member = Object.assign(state, startChild(program, who, { folder, plan, onMessage }))
  return member
}

/** @param {CrewOptions} options */
export async function startCrew({ url, folder, size, notes, chance, program = PROGRAM }) {
  const resource = createResource(notes.note)
  /** @type {Member[]} */
  const all = []
  const start = (/** @type {string} */ who, isLast = false) => {
    const options = { url, folder, program, isLast, seed: chance.whole(1, 1e9) }
    const member = startMember(who, options, resource)
    all.push(member)
    return member
  }
  const members = Array.from({ length: size }, (_, index) => start(`${index}`))
  let replaced = 0
  const pick = () => chance.whole(0, size - 1)

  /** Resolves once the process holds a hot name, or takes too long to. @param {Member} member */
  async function holding(member) {
    /** @type {Promise<string>} */
    const told = new Promise((resolve) => {
      member.onHolding = resolve
    })
    member.tell({ await: true })
    return await Promise.race([told, pause(HOLDING_PATIENCE_MS, 'nothing')])
  }

  return {
    get operations() {
      return all.reduce((sum, { operations }) => sum + operations, 0)
    },
    /** Ends a process by kill -9, and starts another one in its place. @param {boolean} isHolding */
    async kill(isHolding) {
      const index = pick()
      const member = members[index]
      if (!member) return
      if (isHolding) await holding(member)
      notes.note('killed', monotonicMs(), member.who)
      member.kill('SIGKILL')
      await member.exit
      members[index] = start(`${index}-${++replaced}`)
    },
    /** @param {number} ms @param {boolean} isHolding */
    async stop(ms, isHolding) {
      const member = members[pick()]
      if (!member) return
      if (isHolding) await holding(member)
      const fromMs = monotonicMs()
      member.kill('SIGSTOP')
      await pause(ms)
      member.kill('SIGCONT')
      notes.note('idle', monotonicMs(), member.who, fromMs)
    },
    /** @param {number} ms */
    async freeze(ms) {
      const member = members[pick()]
      if (!member) return
      const fromMs = monotonicMs()
      member.tell({ freezeMs: ms })
      await pause(ms)
      notes.note('idle', monotonicMs(), member.who, fromMs)
    },
    /** All end in good order, and then every lock is taken once. Returns who ended otherwise. */
    async end() {
      for (const member of members) member.tell({ end: true })
      const ends = await Promise.all(
        members.map(async ({ who, exit }) => ({ who, exit: await exit })),
      )
      const last = start(LAST, true)
      ends.push({ who: LAST, exit: await last.exit })
      return ends.filter(({ exit }) => exit !== 0)
    },
    files: () => all.map(({ who, file }) => ({ who, file })),
    /** Nothing is left of it, however the run ended. */
    close() {
      for (const member of all) member.kill('SIGKILL')
    },
  }
}
