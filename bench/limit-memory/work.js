// @ts-check
import { ask } from '../kit/server.js'
import { expect, startWindow } from '../kit/window.js'

/**
 * @typedef {'funnel' | 'sliding-counter' | 'sliding-log-100' | 'sliding-log-1000'} Kind
 *
 * @typedef {object} BenchLimiter
 * @property {(digits: string) => Promise<number>} fill takes of a key what is kept of it: answers
 *   how many units are left
 * @property {number} digits of a key, so that its name on the server has 40 bytes
 * @property {() => unknown} close
 *
 * @typedef {(port: number, kind?: Kind) => Promise<BenchLimiter>} Open
 */

const KEY_BYTES = 40
const IN_FLIGHT = 500
/** Of every rule: a unit leaves after a time that is longer than any run. */
export const LIMIT = 1_000
export const SECONDS = 86_400

/** @param {number} port @param {string} field */
async function infoOf(port, field) {
  const info = await ask(port, 'INFO')
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1])
}

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const limiter = await open(port, 'funnel')
  const left = await limiter.fill('1'.padStart(limiter.digits, '0'))
  expect(left > 0 && left < LIMIT, `${left} of ${LIMIT} units are left`)
  const key = /\$(\d+)\r\n/.exec(await ask(port, 'KEYS *0001*'))?.[1]
  expect(Number(key) === KEY_BYTES, `its key has ${key} bytes, not ${KEY_BYTES}`)
  await limiter.close()
}

/** @param {Open} open @param {number} port @param {{kind: Kind, keys: number}} task */
export async function measure(open, port, { kind, keys }) {
  const limiter = await open(port, kind)
  // Buffers of connections and scripts are there before it is counted.
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => limiter.fill(`warm:${index}`)))
  const before = await infoOf(port, 'used_memory')
  const existing = Number(/:(\d+)/.exec(await ask(port, 'DBSIZE'))?.[1])
  const end = startWindow(port)
  let next = 0
  const fillSome = async () => {
    while (next < keys) await limiter.fill(`${next++}`.padStart(limiter.digits, '0'))
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, fillSome))
  const outcome = await end(keys)
  const after = await infoOf(port, 'used_memory')
  const added = Number(/:(\d+)/.exec(await ask(port, 'DBSIZE'))?.[1]) - existing
  expect(added === keys, `${keys} keys are ${added} on the server`)
  await limiter.close()
  return { ...outcome, values: { [kind]: (after - before) / keys } }
}
