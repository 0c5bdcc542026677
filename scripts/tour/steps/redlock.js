// @ts-check
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { QuorumError, redlock } from 'sluice/redlock'
import { findRedisServer } from '../../redis-server.js'
import { plural, span } from '../figures.js'
import { stepOnRedis } from '../private-redis.js'

const serverCount = 5
const updaterCount = 2
const updatesEach = 25
const total = updaterCount * updatesEach
/** Servers that began to run just now do not vote for so long, so it is short. */
const longestTtlMs = 3_000
/** More than a busy machine takes for an answer. */
const options = { longestTtl: longestTtlMs, nodeTimeout: longestTtlMs / 6 }

/**
 * @typedef {import('../tour.js').Context} Context
 * @typedef {import('../private-redis.js').PrivateRedis} PrivateRedis
 * @typedef {readonly import('sluice/redlock').NodeVote[]} Votes
 */

/** @param {typeof findRedisServer} find @returns {import('../run-steps.js').Step<Context>} */
export const showRedlock = (find) =>
  stepOnRedis({ title: 'A majority of five', serverCount, find, show })

export const redlockStep = showRedlock(findRedisServer)

/** @param {PrivateRedis[]} servers @param {string} version @param {Context} context */
async function show(servers, version, context) {
  const nodes = servers.map(({ url }) => url)
  const [mine, theirs] = [redlock(nodes, options), redlock(nodes, options)]
  try {
    await untilAllVote(mine)
    const race = await raceWhileTwoAreKilled(servers, nodes, context)
    const lease = await mine.lock('held').acquire({ wait: '10s' })
    const second = await theirs.lock('held').tryAcquire()
    const { nodes: held } = await mine.lock('held').inspect()
    await lease.release()
    servers[2]?.end()
    const refusal = await theirs
      .lock('held')
      .tryAcquire()
      .catch((/** @type {unknown} */ error) => error)
    const votes = refusal instanceof QuorumError ? refusal.votes : []
    return {
      lines: [
        `five private redis-servers ${version}, on the ports ${nodes.map((url) => new URL(url).port).join(', ')}`,
        `${updaterCount} processes × ${updatesEach} updates while two were killed: ${plural(race.lost, 'update')} lost, in ${span(race.tookMs)}`,
        `two killed:   ${describe(held)}`,
        `three killed: ${describe(votes)}`,
      ],
      promises: [
        {
          text: 'two of five are killed under it, and not one update is lost',
          kept: race.lost === 0,
        },
        {
          text: 'three of five still give it to one at a time',
          kept: second === null && countOf(held, 'granted') === 3 && lease.fence > 0,
        },
        {
          text: 'two of five give it to nobody, and the refusal names the votes',
          kept: votes.length === serverCount && votes.slice(0, 3).every(isSilent),
        },
      ],
      result: `${race.lost} of ${total} lost with 2 of 5 killed`,
      figure: `${span(race.tookMs)}, then refused`,
    }
  } finally {
    await Promise.all([mine.close(), theirs.close()])
  }
}

/** @param {import('sluice/redlock').Redlock} red */
async function untilAllVote(red) {
  for (;;) {
    const lease = await red.lock('first').acquire({ wait: '30s' })
    const { nodes } = await red.lock('first').inspect()
    await lease.release()
    if (countOf(nodes, 'granted') === serverCount) return
    await delay(50)
  }
}

/** @param {PrivateRedis[]} servers @param {string[]} nodes @param {Context} context */
async function raceWhileTwoAreKilled(servers, nodes, { place, processes }) {
  const file = path.join(place.folder, 'balance-by-majority.json')
  writeFileSync(file, JSON.stringify({ user: 'ada', balance: 0 }))
  const balance = () => Number(JSON.parse(readFileSync(file, 'utf8')).balance)
  const updaters = await Promise.all(
    Array.from({ length: updaterCount }, () => processes.start('updater')),
  )
  const startedMs = performance.now()
  const details = { file, times: updatesEach, lock: 'balance:ada', nodes, options }
  const updated = Promise.all(updaters.map((one) => one.ask('updateByMajority', details)))
  let isOver = false
  updated.then(
    () => (isOver = true),
    () => (isOver = true),
  )
  for (const killed of [0, 1]) {
    while (!isOver && balance() < ((killed + 1) * total) / 3) await delay(2)
    servers[killed]?.end()
  }
  await updated
  const tookMs = performance.now() - startedMs
  await Promise.all(updaters.map((one) => one.rest()))
  return { lost: total - balance(), tookMs }
}

/** A server that was killed this moment is still waited for. @param {Votes[number]} said */
const isSilent = ({ vote }) => vote === 'unreachable' || vote === 'late'

/** @param {Votes} votes @param {string} word */
const countOf = (votes, word) => votes.filter(({ vote }) => vote === word).length

/** @param {Votes} votes */
const describe = (votes) => votes.map(({ vote }, index) => `${index + 1} ${vote}`).join(', ')
