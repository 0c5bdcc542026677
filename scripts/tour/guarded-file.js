// @ts-check
// A resource that guards itself by fences, as `UPDATE … WHERE fence <= ?` does in a database: it
// keeps the highest fence that wrote to it, and refuses every lower one.
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** @typedef {{ fence: number, text: string }} Content */

/** @param {string} file */
export function createGuardedFile(file) {
  writeFileSync(file, JSON.stringify({ fence: 0, text: '' }))
}

/** @param {string} file @returns {Content} */
export const readGuardedFile = (file) => JSON.parse(readFileSync(file, 'utf8'))

/**
 * @param {string} file
 * @param {Content} content
 * @returns {Promise<boolean>} whether it was written
 */
export async function writeGuardedFile(file, content) {
  const guard = `${file}.guard`
  await enter(guard)
  try {
    if (content.fence < readGuardedFile(file).fence) return false
    writeFileSync(file, JSON.stringify(content))
    return true
  } finally {
    rmSync(guard)
  }
}

/** Compare and write are one step for all processes: only one can create the guard. @param {string} guard */
async function enter(guard) {
  for (;;) {
    try {
      return closeSync(openSync(guard, 'wx'))
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
      await delay(1)
    }
  }
}
