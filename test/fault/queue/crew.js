// @ts-check
// The processes of a run, each in a place of its own: whoever is killed there is replaced.
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from '../child.js'

/**
 * @typedef {ReturnType<typeof startCrew>} Crew
 * @typedef {import('./member.js').Order} Order
 * @typedef {{next: () => number, whole: (low: number, high: number) => number}} Chance
 *
 * @typedef {'worker' | 'producer' | 'holder'} Role
 *
 * @typedef {object} Member
 * @property {import('../child.js').Child} child
 * @property {number} added
 * @property {() => void} onBusy
 *
 * @typedef {object} Place
 * @property {string} name
 * @property {Role} role
 * @property {number} lives so far
 * @property {Member} member
 *
 * @typedef {object} CrewOptions
 * @property {(place: string) => string} urlOf
 * @property {string} folder
 * @property {Chance} chance
 * @property {(place: string) => void} onDeath a process ended that nobody told to
 * @property {string} program that each of them runs
 * @property {Partial<Record<Role, number>>} sizes how many of each role
 */

/** Under load a process is busy within milliseconds; without a server it never is. */
const BUSY_PATIENCE_MS = 1_000

/** The names of all places of a role. @param {Role} role @param {Partial<Record<Role, number>>} sizes */
export const placesOf = (role, sizes) =>
  Array.from({ length: sizes[role] ?? 0 }, (_, index) => `${role}-${index + 1}`)

/** @param {CrewOptions} options */
export function startCrew({ urlOf, folder, chance, onDeath, program, sizes }) {
  /** @type {Member[]} */
  const all = []
  let isEnding = false

  /** @param {Omit<Place, 'member'>} place @returns {Member} */
  function start(place) {
    const { name, role } = place
    const who = `${name}.${++place.lives}`
    const plan = { url: urlOf(name), who, role, seed: chance.whole(1, 1e9) }
    /** @type {Omit<Member, 'child'>} */
    const state = { added: 0, onBusy: () => {} }
    const child = startChild(program, who, {
      ...{ folder, plan },
      onMessage(/** @type {import('./member.js').News} */ { added, isBusy }) {
        state.added = added ?? state.added
        if (isBusy) state.onBusy()
      },
    })
    const member = Object.assign(state, { child })
    all.push(member)
    void child.exit.then((exit) => {
      if (exit !== 'SIGKILL' || isEnding) return
      onDeath(name)
      places[places.findIndex((one) => one.name === name)] = living(place)
    })
    return member
  }
  /** @param {Omit<Place, 'member'>} place @returns {Place} */
  const living = (place) => Object.assign(place, { member: start(place) })
  /** @type {Place[]} */
  const places = []
  for (const role of /** @type {Role[]} */ (Object.keys(sizes))) {
    for (const name of placesOf(role, sizes)) places.push(living({ name, role, lives: 0 }))
  }

  /** @param {string} name */
  function memberOf(name) {
    const place = places.find((one) => one.name === name)
    if (!place) throw new Error(`there is no place ${name}`)
    return place.member
  }
  /** Resolves once it has a job, or an add, under way, or takes too long to. @param {Member} member */
  async function busy(member) {
    const told = new Promise((resolve) => {
      member.onBusy = () => resolve(undefined)
    })
    member.child.tell({ await: true })
    await Promise.race([told, pause(BUSY_PATIENCE_MS)])
  }

  return {
    get added() {
      return all.reduce((sum, { added }) => sum + added, 0)
    },
    /** @param {Role} role */
    pick: (role) => `${role}-${chance.whole(1, sizes[role] ?? 1)}`,
    /** @param {string} name @param {Order} order */
    tell: (name, order) => memberOf(name).child.tell(order),
    /** Ends a process by kill -9 in the middle of something. @param {string} name */
    async kill(name) {
      const member = memberOf(name)
      await busy(member)
      member.child.kill('SIGKILL')
      await member.child.exit
    },
    /** @param {string} name @param {number} ms */
    async stop(name, ms) {
      const member = memberOf(name)
      await busy(member)
      member.child.kill('SIGSTOP')
      await pause(ms)
      member.child.kill('SIGCONT')
    },
    /** A process ends in good order, and another one takes its place. Returns how it ended. @param {string} name */
    async replace(name) {
      const { child } = memberOf(name)
      child.tell({ end: true })
      const exit = await child.exit
      const place = places.find((one) => one.name === name)
      // Somebody may have killed it meanwhile, and then it is replaced already.
      if (place && exit !== 'SIGKILL') living(place)
      return { who: child.who, exit }
    },
    /** All of a role end in good order. Returns how. @param {Role} role */
    async end(role) {
      isEnding = role === 'worker'
      const members = places.filter((place) => place.role === role).map(({ member }) => member)
      for (const { child } of members) child.tell({ end: true })
      return await Promise.all(
        members.map(async ({ child: { who, exit } }) => ({ who, exit: await exit })),
      )
    },
    files: () => all.map(({ child: { who, file } }) => ({ who, file })),
    /** Nothing is left of it, however the run ended. */
    close() {
      isEnding = true
      for (const { child } of all) child.kill('SIGKILL')
    },
  }
}
