// @ts-check
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { plural, span } from '../figures.js'

const processCount = 4
const updatesEach = 500
const total = processCount * updatesEach

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const race = {
  title: 'A race for a balance',
  async run({ place, processes }) {
    const updaters = await Promise.all(
      Array.from({ length: processCount }, () => processes.start('updater')),
    )
    /** @param {string} name @param {string | null} lock */
    async function runRace(name, lock) {
      const file = path.join(place.folder, `${name}.json`)
      writeFileSync(file, JSON.stringify({ user: 'ada', balance: 0 }))
      const startedMs = performance.now()
      await Promise.all(
        updaters.map((updater) => updater.ask('update', { file, times: updatesEach, lock })),
      )
      const tookMs = performance.now() - startedMs
      return { lost: total - JSON.parse(readFileSync(file, 'utf8')).balance, tookMs }
    }
    const unlocked = await runRace('balance-without-lock', null)
    const locked = await runRace('balance-with-lock', 'balance:ada')
    await Promise.all(updaters.map((one) => one.rest()))
    return {
      lines: [
        `${processCount} processes × ${updatesEach} updates of one balance in a file: read, add 1, write.`,
        `without the lock: ${plural(unlocked.lost, 'update')} of ${total} lost, in ${span(unlocked.tookMs)}`,
        `with the lock:    ${plural(locked.lost, 'update')} of ${total} lost, in ${span(locked.tookMs)}`,
      ],
      promises: [
        { text: 'the race is real: without the lock updates are lost', kept: unlocked.lost > 0 },
        { text: 'with the lock not one is lost', kept: locked.lost === 0 },
      ],
      result: `${locked.lost} of ${total} lost; without the lock ${unlocked.lost}`,
      figure: `${span(locked.tookMs)}, without ${span(unlocked.tookMs)}`,
    }
  },
}
