// @ts-check
import { deleteKeys, drainKey, findBigKeys, openRedis, pipeline, transaction } from 'sluice/redis'
import { findRedisServer } from '../../redis-server.js'
import { span } from '../figures.js'
import { stepOnRedis } from '../private-redis.js'

const sessions = 10_000
const members = 100_000
const membersEach = 500
const spenders = 4
const spendsEach = 25
const wrongAt = 5_000

/** @typedef {import('sluice/redis').OpenRedis} OpenRedis */

/** @param {typeof findRedisServer} find */
export const showOwnRedis = (find) =>
  stepOnRedis({
    title: 'Your own Redis',
    serverCount: 1,
    find,
    async show([server], version) {
      const redis = openRedis(server?.url ?? '')
      try {
        return await showTools(redis, version)
      } finally {
        await redis.close()
      }
    },
  })

export const ownRedis = showOwnRedis(findRedisServer)

/** @param {OpenRedis} redis @param {string} version @returns {Promise<import('../run-steps.js').Outcome>} */
async function showTools(redis, version) {
  const answers = await fill(redis)
  const balance = await spend(redis)
  const [biggest] = (await findBigKeys(redis, { top: 3 })).biggest
  const drained = await drainKey(redis, 'leaderboard')
  const planned = await deleteKeys(redis, 'session:*', { dryRun: true })
  const { deleted, elapsedMs } = await deleteKeys(redis, 'session:*')
  const [size] = await pipeline(redis, [['DBSIZE']])
  const left = size.ok ? Number(size.value) : Number.NaN
  const failed = answers.flatMap(({ ok }, index) => (ok ? [] : [index]))
  return {
    lines: [
      `a private redis-server ${version}; a pipeline of ${answers.length} commands, number ${wrongAt} wrong: ${failed.length} failed`,
      `${spenders} at once took 1 from an account ${spendsEach} times each: ${balance} of ${spenders * spendsEach} left`,
      `the biggest key is ${biggest?.key} with ${biggest?.elements} members: drained in ${span(drained.elapsedMs)}`,
      `session:* would delete ${planned.matched} keys, then did in ${span(elapsedMs)}; ${left} keys left`,
    ],
    promises: [
      {
        text: 'a pipeline keeps every answer at its place, the wrong one too',
        kept: answers.length === sessions && failed.length === 1 && failed[0] === wrongAt,
      },
      {
        text: 'transactions that get in the way of each other lose no update',
        kept: balance === 0,
      },
      {
        text: 'the biggest key is found, and goes in small steps',
        kept: biggest?.key === 'leaderboard' && drained.removed === members,
      },
      {
        text: 'a dry run says what goes, and nothing else does',
        kept: planned.matched === sessions - 1 && deleted === planned.matched && left === 1,
      },
    ],
    result: 'pipeline, transaction and big keys',
    figure: `${deleted} keys in ${span(elapsedMs)}`,
  }
}

/** @param {OpenRedis} redis */
async function fill(redis) {
  await pipeline(redis, [['SET', 'account', spenders * spendsEach]], { mode: 'throw' })
  /** @type {[string, ...(string | number)[]][]} */
  const board = Array.from({ length: members / membersEach }, (_, portion) => {
    const pairs = Array.from({ length: membersEach }, (_, index) => {
      const member = portion * membersEach + index
      return [member, `player:${member}`]
    })
    return ['ZADD', 'leaderboard', ...pairs.flat()]
  })
  await pipeline(redis, board, { mode: 'throw' })
  /** @type {[string, ...(string | number)[]][]} */
  const commands = Array.from({ length: sessions }, (_, index) =>
    index === wrongAt ? ['LPUSH', 'account', 'x'] : ['SET', `session:${index}`, 'x'],
  )
  return await pipeline(redis, commands)
}

/** What is left in the end. @param {OpenRedis} redis */
async function spend(redis) {
  const spender = async () => {
    for (let times = 0; times < spendsEach; times++) {
      await transaction(redis, ['account'], async (tx) => {
        const balance = Number(await tx.read('GET', 'account'))
        return tx.queue('SET', 'account', balance - 1)
      })
    }
  }
  await Promise.all(Array.from({ length: spenders }, spender))
  const [balance] = await pipeline(redis, [['GET', 'account']])
  return balance.ok ? Number(balance.value) : Number.NaN
}
