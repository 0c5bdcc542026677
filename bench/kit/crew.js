// @ts-check
// More processes of the competitor in whose process this runs. Each does the `part` of its work.js.
import { startCompetitor } from './competitor.js'
import { CLIENT_CORE } from './cores.js'

/**
 * @typedef {object} Crew
 * @property {(task: object) => Promise<unknown[]>} all every process does it at the same time
 * @property {(task: object) => Promise<void>} eachInTurn where all at once would starve each other
 * @property {() => void} stop whatever they are at
 */

/**
 * @param {number} size
 * @param {readonly number[]} [cores] taken in turn
 * @returns {Promise<Crew>}
 */
export async function startCrew(size, cores = [CLIENT_CORE]) {
  const [bench = '', name = '', place = ''] = process.argv.slice(2)
  const started = await Promise.all(
    Array.from({ length: size }, (_, index) =>
      startCompetitor(bench, name, place, cores[index % cores.length]),
    ),
  )
  const members = started.map((member) => {
    if ('part' in member) return member
    throw new Error(`${member.label} ran once, and now not: ${member.reason}`)
  })
  return {
    all: (task) => Promise.all(members.map((member) => member.part(task))),
    async eachInTurn(task) {
      for (const member of members) await member.part(task)
    },
    stop() {
      for (const member of members) member.stop()
    },
  }
}
