import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import * as scripts from './scripts.gen.ts'

/**
 * A script has begun when the clock of the server is set back by an hour: the server goes on to tell
 * what has expired by the time at which the script began, and the script is told another one.
 */
const STEPPED = `
local redis = setmetatable({}, { __index = redis })
local call = getmetatable(redis).__index.call
function redis.call(word, ...)
  local reply = call(word, ...)
  if word == 'TIME' then reply[1] = string.format('%d', reply[1] - 3600) end
  return reply
end
`
const LIMIT = '10'
const MINUTE_US = '60000000'
const ONE_AT_A_TIME = '1'
const ONE_KEY = '1'
const ASK_SIZE = '2'
/** The number of the call, and no clock of tests. */
const CALL = ['1', '']

const ALONE: [string, { body: string; tellsNow: boolean }, string[]][] = [
  ['strict counter', scripts.takeCounter, [LIMIT, '10', '6000000', '1']],
  ['counter', scripts.takeCounter, [LIMIT, '10', '6000000', '0']],
  ['bucket', scripts.takeBucket, [LIMIT, LIMIT, MINUTE_US, '0']],
  ['funnel', scripts.takeFunnel, [LIMIT, '6000000']],
  ['sliding log', scripts.takeLog, [LIMIT, MINUTE_US]],
  ['long sliding log', scripts.takeLongLog, [LIMIT, MINUTE_US]],
]
const RULES = {
  concurrency: `concurrency ${LIMIT} ${MINUTE_US} 0 0`,
  'sliding log': `slidingLog ${LIMIT} ${MINUTE_US} 0 0`,
  'long sliding log': `slidingLog ${LIMIT} ${MINUTE_US} 0 1`,
  funnel: `funnel ${LIMIT} 6000000 0 0`,
  counter: `counter ${LIMIT} 6000000 10 1`,
}

let engine: RedisEngine
let key: string

beforeEach(() => {
  engine = redisEngineAt(inject('redisUrl'), { prefix: `test-${randomUUID()}` })
  key = `test-${randomUUID()}`
})
afterEach(() => engine.close())

interface Call {
  keys: string[]
  args: string[]
  isStepped?: boolean
}

const run = ({ body }: { body: string }, { keys, args, isStepped = true }: Call) => {
  const text = isStepped ? STEPPED + body : body
  return engine.command('EVAL', text, `${keys.length}`, ...keys, ...CALL, ...args)
}
const isThere = async () => (await engine.command('EXISTS', key)) === 1

/** What is answered to each, behind the number of the call and the time where that is told. */
const answersOf = <Answer>({ tellsNow }: { tellsNow: boolean }, replies: readonly Answer[]) =>
  replies.slice(tellsNow ? 2 : 1)

/** A funnel answers what it keeps, which is one number. */
const isAllowed = (answer = '') => answer.endsWith(',0') || /^\d+$/.test(answer)

/** Whether each of the costs is allowed, in one call. */
async function takeAlone(
  script: { body: string; tellsNow: boolean },
  once: string[],
  costs: string[],
  isStepped = true,
) {
  const keys = costs.map(() => key)
  const args = [...once, ...costs.flatMap((cost) => [cost, ONE_AT_A_TIME])]
  const replies = String(await run(script, { keys, args, isStepped })).split(' ')
  return answersOf(script, replies).map(isAllowed)
}

async function takeAll(rule: string, costs: string[], isStepped = true) {
  const asked = (cost: string) => [ONE_KEY, ASK_SIZE, rule, cost, '0', 'take', `owner${cost}`]
  const call = { keys: costs.map(() => key), args: costs.flatMap(asked), isStepped }
  const [, ...replies] = (await run(scripts.takeAll, call)) as [string, ...[string, number][]]
  return replies.map(([, units]) => units > 0)
}

it.each(ALONE)('a %s keeps what is taken of a new key', async (_, script, once) => {
  expect(await takeAlone(script, once, ['6', '5', '4'])).toEqual([true, false, true])
  expect(await isThere()).toBe(true)
})

it.each(ALONE)('a %s keeps what was taken, but lets one more through', async (_, script, once) => {
  expect(await takeAlone(script, once, ['9'], false)).toEqual([true])
  expect(await takeAlone(script, once, ['2', '3', '4', '5'])).toEqual([true, false, false, false])
  expect(await isThere()).toBe(true)
})

it.each(ALONE)('a %s keeps equal takes, which are charged as one', async (_, script, once) => {
  const [nine, one] = [
    ['1', '9'],
    ['1', ONE_AT_A_TIME],
  ]
  const args = [...once, ...nine, ...one, ...one]
  const replies = (await run(script, { keys: [key, key, key], args })) as string[]
  const [, last, refused] = answersOf(script, replies)
  expect([isAllowed(last), isAllowed(refused)]).toEqual([true, false])
})

it.each(Object.entries(RULES))('%s, with others: a new key is kept', async (_, rule) => {
  expect(await takeAll(rule, ['6', '5', '4'])).toEqual([true, false, true])
  expect(await isThere()).toBe(true)
})

it('leases that are given before are kept beside those that are given after', async () => {
  expect(await takeAll(RULES.concurrency, ['6'], false)).toEqual([true])
  expect(await takeAll(RULES.concurrency, ['5', '4', '3'])).toEqual([false, true, false])
  expect(await engine.command('ZCARD', key)).toBe(10)
})

it('leases that are renewed are kept', async () => {
  await takeAll(RULES.concurrency, ['6'], false)
  const reply = await run(scripts.renewLeases, { keys: [key], args: ['owner6', '6', MINUTE_US] })
  expect(reply).toEqual(['1', ['renewed']])
  expect(await engine.command('ZCARD', key)).toBe(6)
})

const BLOCKED = [RULES.funnel, RULES['sliding log'], RULES['long sliding log']].flatMap((rule) =>
  [true, false].map((isNew): [string, boolean] => [rule, isNew]),
)
it.each(BLOCKED)('a block of %s is kept, of a new key: %s', async (rule, isNew) => {
  if (!isNew) await takeAll(rule, ['6'], false)
  const args = [ONE_KEY, ASK_SIZE, rule, '0', MINUTE_US]
  expect(await run(scripts.putBlock, { keys: [key], args })).toEqual(['1', ['blocked']])
  expect(await isThere()).toBe(true)
})

it('the units of a log are kept when it is blocked, and the others when some are given back', async () => {
  const rule = RULES['sliding log']
  await takeAll(rule, ['6'], false)
  await takeAll(rule, ['-2'])
  expect(await engine.command('ZCARD', key)).toBe(4)
  await run(scripts.putBlock, { keys: [key], args: [ONE_KEY, ASK_SIZE, rule, '0', MINUTE_US] })
  expect(await engine.command('ZCARD', key)).toBe(5)
})

it.each([
  ['long sliding log', 'sliding log', 'ZCARD'],
  ['sliding log', 'long sliding log', 'LLEN'],
] as const)('the units of a %s that is a %s from now on are kept', async (before, after, count) => {
  await takeAll(RULES[before], ['4'], false)
  expect(await takeAll(RULES[after], ['2', '5', '4'])).toEqual([true, false, true])
  expect(await engine.command(count, key)).toBe(10)
})

it('a request is remembered', async () => {
  const memory = `${key}:request`
  const asked = ['2', ASK_SIZE, RULES.funnel, '6', 'terms', '300000000', 'owner']
  const call = { keys: [key, memory, key, memory], args: [...asked, ...asked] }
  const [, first, again] = (await run(scripts.takeOnce, call)) as unknown[]
  expect(again).toEqual(first)
  expect(await engine.command('EXISTS', memory)).toBe(1)
})

it('a key that goes sooner than others of its call is kept too', async () => {
  const soon = `${key}:soon`
  const rule = `funnel ${LIMIT} 600000000 0 0`
  const ask = (cost: string) => [ONE_KEY, ASK_SIZE, rule, cost, '0', 'take', 'owner']
  const call = { keys: [key, soon], args: [...ask('10'), ...ask('1')] }
  await run(scripts.takeAll, call)
  expect(await engine.command('EXISTS', key, soon)).toBe(2)
})

it('a key stays for no more than twice as long as the clock stepped', async () => {
  await takeAlone(scripts.takeFunnel, [LIMIT, '6000000'], ['1'])
  const ttlMs = Number(await engine.command('PTTL', key))
  // To the server, whose own clock is where it was, an hour of that is over.
  expect(ttlMs).toBeGreaterThan(0)
  expect(ttlMs).toBeLessThanOrEqual(3_600_000 + 6_000)
})
