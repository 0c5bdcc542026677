// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { LockTimeoutError } from 'sluice'
import { percentile, sharedNowMs, span } from '../figures.js'

const lockName = 'user:42'
const queueName = 'deferred'
const ttlMs = 500
const handOvers = 20
/** Of a hand-over in the middle of the field: far below the TTL, far above a busy machine's. */
const handOverBudgetMs = 250

/**
 * @typedef {import('../tour.js').Context} Context
 * @typedef {import('../processes.js').Participant} Participant
 */

/** @type {import('../run-steps.js').Step<Context>} */
export const conflict = {
  title: 'A conflict, three ways',
  async run({ processes, sluice }) {
    const holder = await processes.start('holder')
    const refused = await refuse(sluice, holder)
    const handedOverMs = await handOver(sluice, holder)
    const deferred = await defer(processes, sluice, holder)
    await holder.rest()
    const p50Ms = percentile(handedOverMs, 0.5)
    const worstMs = Math.max(...handedOverMs)
    return {
      lines: [
        `refused:     told in ${span(refused.tookMs)} to come back in ${span(refused.retryAfterMs)}; holder ${refused.holder}`,
        `handed over: ${handOvers} times, from release to the next holder p50 ${span(p50Ms)}, worst ${span(worstMs)}`,
        `deferred:    the caller went on after ${span(deferred.askedMs)}; done as a job ${span(deferred.lateMs)} after the release`,
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
          text: 'the deferred request ran once, after the release, holding the lock',
          kept: deferred.ranOnce && deferred.lateMs >= 0,
        },
      ],
      result: 'refused, handed over, deferred',
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
 * @param {import('../processes.js').Processes} processes
 * @param {import('sluice').Sluice} sluice
 * @param {Participant} holder
 */
async function defer(processes, sluice, holder) {
  const worker = await processes.start('deferred')
  await worker.ask('work', { queue: queueName })
  await holder.ask('hold', { name: lockName, ttlMs })
  const startedMs = sharedNowMs()
  const conflict = await sluice
    .lock(lockName)
    .acquire({ wait: 0 })
    .catch((/** @type {unknown} */ error) => error)
  if (!(conflict instanceof LockTimeoutError)) throw new Error('the lock was given to two')
  const request = { requestNumber: 1, lock: lockName }
  await sluice.queue(queueName).add(request, { delay: Math.ceil(conflict.retryAfterMs) })
  const askedMs = sharedNowMs() - startedMs
  await delay(100)
  const released = /** @type {{ atMs: number }} */ (await holder.ask('release'))
  const done = await waitForDone(worker)
  await worker.rest()
  return {
    askedMs,
    ranOnce: done.length === 1,
    lateMs: (done[0]?.atMs ?? 0) - released.atMs,
  }
}

/** @param {Participant} worker @returns {Promise<{ requestNumber: number, atMs: number }[]>} */
async function waitForDone(worker) {
  const deadlineMs = sharedNowMs() + 5_000
  for (;;) {
    const done = /** @type {{ requestNumber: number, atMs: number }[]} */ (await worker.ask('done'))
    if (done.length > 0 || sharedNowMs() > deadlineMs) return done
    await delay(20)
  }
}
