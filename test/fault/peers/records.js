// @ts-check
// What a program under test leaves behind, line by line, so that a crash takes nothing along.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/**
 * @typedef {object} CallRecord
 * @property {'call'} line
 * @property {'add' | 'acquire' | 'release' | 'take'} op
 * @property {number} startMs
 * @property {number | null} endMs null for one that never settled
 * @property {string} subject what was added, or the name of the lock or the key
 * @property {string} [failure]
 * @property {number} [remainingMs] of the lease that was granted
 *
 * @typedef {{line: 'job', payload: string, id: string, atMs: number}} JobRecord
 * @typedef {{line: 'told', what: string, atMs: number}} ToldRecord
 * @typedef {{line: 'stray', what: string, atMs: number}} StrayRecord what nobody handled
 * @typedef {{line: 'stall', atMs: number, lengthMs: number}} StallRecord the event loop stood still
 * @typedef {{line: 'charge', subject: string, count: number}} ChargeRecord
 * @typedef {{line: 'left', count: number}} LeftRecord jobs that the server holds in the end
 * @typedef {CallRecord | JobRecord | ToldRecord | StrayRecord | StallRecord | ChargeRecord | LeftRecord} PeerRecord
 */

/** @param {string} file @returns {(record: PeerRecord) => void} */
export const recordInto = (file) => (record) => appendFileSync(file, `${JSON.stringify(record)}\n`)

/** The last line may be torn. @param {string} file @returns {PeerRecord[]} */
export function readRecords(file) {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line))
}
