// @ts-check
// Fills a server faster than any client could: by scripts, some thousand elements a call.
import { Redis } from 'ioredis'

export const SMALL = 'small:'
export const BIG = 'big'
/** Keys that are the biggest, by far enough that no estimate of sizes doubts it. */
export const BIGGEST = 20

const EACH = 5_000
const SMALL_SCRIPT = `for i = ARGV[1], ARGV[2] do redis.call('SET', '${SMALL}' .. i, 'some value of a key') end`
const BIG_SCRIPT = `for i = ARGV[1], ARGV[2] do redis.call('ZADD', '${BIG}', i, 'member:' .. i) end`
const BIGGEST_SCRIPT = `for i = 1, ${BIGGEST} do
  for j = 1, 500 + 100 * i do redis.call('SADD', '${SMALL}biggest:' .. i, 'element ' .. j) end
end`

/** @param {number} port @param {(client: Redis) => Promise<unknown>} fill */
async function withClient(port, fill) {
  const client = new Redis(port, '127.0.0.1')
  try {
    await fill(client)
  } finally {
    client.disconnect()
  }
}

/** @param {Redis} client @param {string} script @param {number} count */
async function inPortions(client, script, count) {
  for (let from = 1; from <= count; from += EACH) {
    await client.eval(script, 0, from, Math.min(count, from + EACH - 1))
  }
}

/** @param {number} port @param {number} count */
export const fillKeys = (port, count) =>
  withClient(port, (client) => inPortions(client, SMALL_SCRIPT, count))

/** One sorted set. @param {number} port @param {number} count */
export const fillBig = (port, count) =>
  withClient(port, (client) => inPortions(client, BIG_SCRIPT, count))

/** Some that are bigger than all others. @param {number} port */
export const fillBiggest = (port) => withClient(port, (client) => client.eval(BIGGEST_SCRIPT, 0))
