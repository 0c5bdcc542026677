// @ts-check
// Values in Redis that refuse what an old holder of a lock writes.
// Run it against a Redis: REDIS_URL=redis://localhost:6379 node examples/fence-guards/redis.js
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createSluice } from 'sluice'

/** A plain value, with its fence in a key beside it: whoever reads the value need not change. */
export const writeValue = `
-- KEYS: the value, its fence. ARGV: the writer's fence, the new value.
-- Answers 1 if it wrote, 0 if someone with a higher fence has written.
if not string.match(ARGV[1], '^%d+$') then
  return redis.error_reply('ERR the fence must be a whole number')
end
local seen = redis.call('GET', KEYS[2])
if seen and tonumber(seen) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
`

/** A hash that carries its fence as one more field: a single key. */
export const writeFields = `
-- KEYS: the hash. ARGV: the writer's fence, then field, value, field, value.
-- Answers 1 if it wrote, 0 if someone with a higher fence has written.
if not string.match(ARGV[1], '^%d+$') then
  return redis.error_reply('ERR the fence must be a whole number')
end
local seen = redis.call('HGET', KEYS[1], 'fence')
if seen and tonumber(seen) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return 1
`

/**
 * Answers whether it wrote. In a cluster the key needs braces, such as `account:{42}`, so that both
 * keys are in one slot.
 *
 * @param {Redis} redis @param {string} key @param {string} value @param {number} fence
 */
export async function setFenced(redis, key, value, fence) {
  return (await redis.eval(writeValue, 2, key, `${key}:fence`, String(fence), value)) === 1
}

/**
 * Answers whether it wrote.
 *
 * @param {Redis} redis @param {string} key @param {Record<string, string>} fields
 * @param {number} fence
 */
export async function hsetFenced(redis, key, fields, fence) {
  const words = Object.entries(fields).flat()
  return (await redis.eval(writeFields, 1, key, String(fence), ...words)) === 1
}

/** Two holders, one after the other, and the first one writes late. */
async function main() {
  const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
  const sluice = createSluice(url)
  const redis = new Redis(url)
  const key = 'example:account:{42}'
  const details = `${key}:details`

  const first = await sluice.lock('account:42').acquire()
  console.log(`first holder writes: ${await setFenced(redis, key, '100', first.fence)}`)
  await first.release() // in real life: its lease ends while it is frozen
  const second = await sluice.lock('account:42').acquire()
  console.log(`second holder writes: ${await setFenced(redis, key, '70', second.fence)}`)
  await hsetFenced(redis, details, { owner: 'Ada' }, second.fence)

  console.log(`first holder writes late: ${await setFenced(redis, key, '100', first.fence)}`)
  const isChanged = await hsetFenced(redis, details, { owner: 'Bob' }, first.fence)
  console.log(`and to a hash: ${isChanged}`)
  console.log(`second holder writes again: ${await setFenced(redis, key, '50', second.fence)}`)

  await redis.unlink(key, `${key}:fence`, details)
  await second.release()
  await sluice.close()
  await redis.quit()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
