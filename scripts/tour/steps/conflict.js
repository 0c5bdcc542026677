// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { LockTimeoutError } from 'sluice'
import { percentile, plural, sharedNowMs, span } from '../figures.js'

const lockName = 'user:42'
const ttlMs = 500
const handOvers = 20
/** Of a hand-over in the middle of the field: far below the TTL, far above a busy machine's. */
const handOverBudgetMs = 250
const jobCount = 40
const userCount = 4
/** For so long one of these users is somebody else's. */
const heldMs = 1_000

/**
 * @typedef {import('../tour.js').Context} Context
 * @typedef {import('../processes.js').Participant} Participant
 * @typedef {import('../processes/deferred.js').Done} Done
 * @typedef {{ deliveryCount: number, sentCount: number, writeCount: number }} Spent
 * @typedef {{ done: Done[], releasedAtMs: number, wasted: number, sent: number, written: number }} Deferred
 */

/** @type {import('../run-steps.js').Step<Context>} */
export const conflict = {
  title: 'A conflict, three ways',
  async run({ processes, sluice }) {
    const holder = await processes.start('holder')
    const refused = await refuse(sluice, holder)
    const handedOverMs = await handOver(sluice, holder)
    const byHand = await defer({ processes, sluice, holder }, 'workByHand')
    const parked = await defer({ processes, sluice, holder }, 'workParked')
    await holder.rest()
    const p50Ms = percentile(handedOverMs, 0.5)
    const worstMs = Math.max(...handedOverMs)
    return {
      lines: [
        `refused:     told in ${span(refused.tookMs)} to come back in ${span(refused.retryAfterMs)}; holder ${refused.holder}`,
        `handed over: ${handOvers} times, from release to the next holder p50 ${span(p50Ms)}, worst ${span(worstMs)}`,
        `deferred:    ${jobCount} jobs of ${userCount} users, one of whom somebody else holds for ${span(heldMs)}`,
        `  failed and tried again: ${inWords(byHand)}`,
        `  parked, by \`lock\`:      ${inWords(parked)}`,
      ],
      promises: [
        {
          text: 'the refusal names the holder and a time within its lease',
          kept: refused.isHolder && refused.retryAfterMs > 0 && refused.retryAfterMs <= ttlMs,
        },
        {
          text: `a hand-over takes milliseconds (p50 ≤ ${handOverBudgetMs} ms)`,
          kept: p50Ms <= handOverBudgetMs,
        },
        {
          text: 'the conflict is real: tried again, jobs are delivered in vain',
          kept: isInTurn(byHand) && byHand.wasted > 0,
        },
        {
          text: 'parked jobs ran once, one at a time for each user, and none in vain',
          kept: isInTurn(parked) && parked.wasted === 0,
        },
      ],
      result: `deferred: ${parked.wasted} in vain; by hand ${byHand.wasted}`,
      figure: `hand-over p50 ${span(p50Ms)}`,
    }
  },
}

/** @param {import('sluice').Sluice} sluice @param {Participant} holder */
async function refuse(sluice, holder) {
  await holder.ask('hold', { name: lockName, ttlMs })
  const startedMs = sharedNowMs()
  const error = await sluice
    .lock(lockName)
    .acquire({ wait: 0 })
    .then(
      () => new Error('the lock was given to two'),
      (/** @type {unknown} */ reason) => reason,
    )
  const tookMs = sharedNowMs() - startedMs
  await holder.ask('release')
  if (!(error instanceof LockTimeoutError)) throw error
  const { holder: owner, retryAfterMs } = error
  return {
    tookMs,
    retryAfterMs,
    holder: owner,
    isHolder: owner?.includes(`:${holder.pid}:`) === true,
  }
}

/** @param {import('sluice').Sluice} sluice @param {Participant} holder */
async function handOver(sluice, holder) {
  const tookMs = []
  for (let round = 0; round < handOvers; round++) {
    await holder.ask('hold', { name: lockName, ttlMs })
    const waiting = sluice
      .lock(lockName, { ttl: ttlMs })
      .acquire({ wait: '5s' })
      .then((lease) => ({ lease, atMs: sharedNowMs() }))
    await delay(10)
    const released = /** @type {{ atMs: number }} */ (await holder.ask('release'))
    const { lease, atMs } = await waiting
    tookMs.push(atMs - released.atMs)
    await lease.release()
  }
  return tookMs
}

/**
 * @param {{ processes: import('../processes.js').Processes, sluice: import('sluice').Sluice, holder: Participant }} parties
 * @param {'workByHand' | 'workParked'} way
 * @returns {Promise<Deferred>}
 */
async function defer({ processes, sluice, holder }, way) {
  const queue = `deferred-${way}`
  const worker = await processes.start('deferred')
  const before = /** @type {Spent} */ (await worker.ask('spent'))
  await holder.ask('hold', { name: 'user:0', ttlMs: 10 * heldMs })
  await worker.ask(way, { queue })
  const requests = Array.from({ length: jobCount }, (_, number) => ({
    number,
    lock: `user:${number % userCount}`,
  }))
  // By hand each conflict costs one of them.
  await sluice.queue(queue, { attempts: 999 }).addMany(requests)
  await delay(heldMs)
  const released = /** @type {{ atMs: number }} */ (await holder.ask('release'))
  const done = await waitForDone(worker)
  const after = /** @type {Spent} */ (await worker.ask('spent'))
  await worker.rest()
  return {
    done,
    releasedAtMs: released.atMs,
    wasted: after.deliveryCount - jobCount,
    sent: after.sentCount - before.sentCount,
    written: after.writeCount - before.writeCount,
  }
}

/** @param {Participant} worker @returns {Promise<Done[]>} */
async function waitForDone(worker) {
  const deadlineMs = sharedNowMs() + 10_000
  for (;;) {
    const done = /** @type {Done[]} */ (await worker.ask('done'))
    if (done.length >= jobCount || sharedNowMs() > deadlineMs) return done
    await delay(20)
  }
}

/** From the release to the end of the last job. @param {Deferred} run */
const lateMsOf = ({ done, releasedAtMs }) =>
  Math.max(...done.map(({ endedAtMs }) => endedAtMs)) - releasedAtMs

/** @param {Deferred} run */
function inWords(run) {
  const spent = `${plural(run.sent, 'command')}, ${plural(run.written, 'write')} to disk`
  return `${run.wasted} deliveries in vain, ${spent}; done in ${span(lateMsOf(run))}`
}

/** Each job once, none while another one of its user ran, or while that was somebody else's. @param {Deferred} run */
function isInTurn({ done, releasedAtMs }) {
  const numbers = new Set(done.map(({ number }) => number))
  if (numbers.size !== jobCount || done.length !== jobCount) return false
  const endedAtMs = new Map([['user:0', releasedAtMs]])
  for (const one of [...done].sort((a, b) => a.beganAtMs - b.beganAtMs)) {
    if (one.beganAtMs < (endedAtMs.get(one.lock) ?? 0)) return false
    endedAtMs.set(one.lock, one.endedAtMs)
  }
  return true
}
