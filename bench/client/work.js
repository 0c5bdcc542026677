// @ts-check
import { ask } from '../kit/server.js'
import { expect, measureCalls } from '../kit/window.js'

/**
 * @typedef {object} BenchClient
 * @property {(key: string) => Promise<unknown>} get
 * @property {(sha1: string, key: string, first: string, second: string) => Promise<unknown>} evalsha
 * @property {() => unknown} close
 *
 * @typedef {(port: number) => Promise<BenchClient>} Open
 * @typedef {{ command: 'get' | 'evalsha', inFlight: number, durationMs: number, warmUpMs: number }} Task
 */

/**
 * Of the shape of a renewal: a key, two arguments, one write, an answer in an array behind the first
 * argument, by which an answer is known to be of its call.
 */
const SCRIPT = "redis.call('SET', KEYS[1], ARGV[2]) return { ARGV[1], { 'renewed', ARGV[1] } }"
/** So that a GET has something to bring from the start. */
const SEED = "for i = 0, 999 do redis.call('SET', 'bench:{' .. i .. '}:state', '30000000') end"
const KEYS = Array.from({ length: 1_000 }, (_, index) => `bench:{${index}}:state`)

/** @param {number} port @returns {Promise<string>} the script's SHA1 */
async function prepare(port) {
  await ask(port, `EVAL "${SEED}" 0`)
  const loaded = await ask(port, `SCRIPT LOAD "${SCRIPT}"`)
  const sha1 = loaded.split('\r\n')[1] ?? ''
  if (!/^[0-9a-f]{40}$/.test(sha1)) throw new Error(`the script was not loaded: ${loaded}`)
  return sha1
}

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const sha1 = await prepare(port)
  const client = await open(port)
  expect((await client.get('bench:{7}:state')) === '30000000', 'a GET brings another value')
  const answer = await client.evalsha(sha1, 'bench:{7}:state', 'owner', '31000000')
  expect(
    JSON.stringify(answer) === '["owner",["renewed","owner"]]',
    'the script answers something else',
  )
  expect((await client.get('bench:{7}:state')) === '31000000', 'the script did not write')
  await client.close()
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { command, ...terms }) {
  const sha1 = await prepare(port)
  const client = await open(port)
  const keyOf = (/** @type {number} */ index) => KEYS[index % KEYS.length] ?? ''
  const outcome = await measureCalls(port, terms, (index) =>
    command === 'get'
      ? client.get(keyOf(index))
      : client.evalsha(sha1, keyOf(index), 'owner', '30000000'),
  )
  await client.close()
  return outcome
}
