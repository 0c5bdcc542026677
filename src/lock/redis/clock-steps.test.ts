import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import * as scripts from './scripts.gen.ts'

/**
 * The clock of the server is set back while a script runs. Before version 7.2, what expires then by
 * the new time is gone by that of the script's beginning.
 */
const STEPPED = `
local redis = setmetatable({}, { __index = redis })
local call = getmetatable(redis).__index.call
function redis.call(word, key, ...)
  if not key then return call(word) end
  local reply = call(word, key, ...)
  if word == 'SET' and string.find(key, ':lock:', 1, true) then call('PEXPIREAT', key, 1) end
  return reply
end
`
const CALL = ['1', '', '0']
const TERMS = ['0000000030000000', '30000', '']

let engine: RedisEngine
beforeEach(() => {
  engine = redisEngineAt(inject('redisUrl'), { prefix: `test-${randomUUID()}` })
})
afterEach(() => engine.close())

const take = (script: string, locks: string[], owners: string[]) => {
  const keys = [...locks, engine.keys.key('fence', '')]
  return engine.command('EVAL', script, `${keys.length}`, ...keys, ...CALL, ...TERMS, ...owners)
}

it('gives a lock to one of two in a call, also when the clock of the server is set back in it', async () => {
  const lock = engine.keys.key('lock', 'a')
  const script = STEPPED + scripts.take.body
  const [, first, second] = (await take(script, [lock, lock], ['x', 'y'])) as unknown[]
  expect(Number(first)).toBeGreaterThan(0)
  expect(second).toEqual(['busy'])
})

it('gives two locks to two in a call', async () => {
  const locks = [engine.keys.key('lock', 'a'), engine.keys.key('lock', 'b')]
  const answer = await take(STEPPED + scripts.take.body, locks, ['x', 'y'])
  expect(String(answer)).toMatch(/^1 \d{16} \d{16}$/)
})
