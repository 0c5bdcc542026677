// @ts-check
// Adds 1 to the balance of a user in a file, many times: read, modify, write.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { redlock } from 'sluice/redlock'

/** @typedef {{ nodes: string[], options: import('sluice/redlock').RedlockOptions }} Majority */

/** Every write is a whole file put in place, so that what is lost is an update, never a byte. */
async function addOne(/** @type {string} */ file) {
  const account = JSON.parse(await readFile(file, 'utf8'))
  account.balance += 1
  const next = `${file}.${process.pid}`
  await writeFile(next, JSON.stringify(account))
  await rename(next, file)
}

/** @type {import('./participant.js').Play} */
export const play = (sluice) => ({
  /** @param {{ file: string, times: number, lock: string | null }} details */
  async update({ file, times, lock: name }) {
    await addOften(file, times, name === null ? null : sluice.lock(name))
  },
  /** @param {Majority & { file: string, times: number, lock: string }} details */
  async updateByMajority({ file, times, lock: name, nodes, options }) {
    const red = redlock(nodes, options)
    try {
      await addOften(file, times, red.lock(name))
    } finally {
      await red.close()
    }
  },
})

/** @param {string} file @param {number} times @param {import('sluice').Lock | null} lock */
async function addOften(file, times, lock) {
  for (let done = 0; done < times; done++) {
    if (lock === null) await addOne(file)
    else await lock.run(() => addOne(file), { wait: '1m' })
  }
}
