// @ts-check
// What processes of a run wrote down: one array for each line.
import { readFileSync } from 'node:fs'

/** A last line without its end is one that the process was killed in. @param {string} text @returns {any[]} */
export const recordsOf = (text) =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/**
 * @template History
 * @typedef {object} Format of what is written down
 * @property {() => History} emptyHistory
 * @property {(history: History, who: string, text: string) => void} readProcess
 * @property {(history: History, text: string) => void} readParent
 */

/**
 * The history that a crew left, and who started it.
 *
 * @template History
 * @param {Format<History>} format
 * @param {readonly {who: string, file: string}[]} files
 * @param {string} notesFile
 */
export function readFiles({ emptyHistory, readProcess, readParent }, files, notesFile) {
  const history = emptyHistory()
  for (const { who, file } of files) readProcess(history, who, readFileSync(file, 'utf8'))
  readParent(history, readFileSync(notesFile, 'utf8'))
  return history
}
