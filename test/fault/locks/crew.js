// @ts-check
// The processes of a run: each is ended, replaced, stopped and blocked by itself.
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
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
 * @property {import('./notes.js').Notes} notes
 * @property {{whole: (low: number, high: number) => number}} chance
 */

const PROGRAM = path.join(import.meta.dirname, 'process.js')
/** Under full load a process holds a hot name within milliseconds; without a server it never does. */
const HOLDING_PATIENCE_MS = 1_000

/** @param {string} who @param {string} folder */
export const fileOf = (who, folder) => path.join(folder, `${who}.jsonl`)

/**
 * @param {string} who
 * @param {Omit<import('./process.js').ProcessPlan, 'file'> & {folder: string}} options
 * @param {import('./resource.js').Resource} resource
 */
function startMember(who, { folder, ...options }, resource) {
  /** @type {import('./process.js').ProcessPlan} */
  const plan = { ...options, file: fileOf(who, folder) }
  // There to be read, even if the process is killed before it begins.
  writeFileSync(plan.file, '')
  const child = fork(PROGRAM, [JSON.stringify(plan)])
  const member = { who, child, operations: 0, onHolding: (/** @type {string} */ _name) => {} }
  // Whoever is killed may have been sent something that does not arrive any more.
  child.on('error', () => {})
  child.on('message', (message) => {
    const news = /** @type {import('./process.js').News} */ (message)
    member.operations = news.operations ?? member.operations
    if (news.holding) member.onHolding(news.holding)
    if (!news.writes) return
    resource.write(who, news.writes)
    tell({ answered: true })
  })
  /** @param {import('./process.js').Order} order */
  function tell(order) {
    if (child.connected) child.send(order, () => {})
  }
  /** @type {Promise<number | string | null>} */
  const exit = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
  return Object.assign(member, { tell, exit })
}

/** @param {CrewOptions} options */
export async function startCrew({ url, folder, size, notes, chance }) {
  const resource = createResource(notes.note)
  /** @type {Member[]} */
  const all = []
  const start = (/** @type {string} */ who, isLast = false) => {
    const member = startMember(who, { url, folder, isLast, seed: chance.whole(1, 1e9) }, resource)
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
      member.child.kill('SIGKILL')
      await member.exit
      members[index] = start(`${index}-${++replaced}`)
    },
    /** @param {number} ms @param {boolean} isHolding */
    async stop(ms, isHolding) {
      const member = members[pick()]
      if (!member) return
      if (isHolding) await holding(member)
      const fromMs = monotonicMs()
      member.child.kill('SIGSTOP')
      await pause(ms)
      member.child.kill('SIGCONT')
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
    files: () => all.map(({ who }) => ({ who, file: fileOf(who, folder) })),
    /** Nothing is left of it, however the run ended. */
    close() {
      for (const { child } of all) child.kill('SIGKILL')
    },
  }
}
