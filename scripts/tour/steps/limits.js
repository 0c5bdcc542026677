// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { funnel, slidingLog } from 'sluice'
import { span } from '../figures.js'

const codes = { limit: 5, perMs: 60_000 }
const user = 'user:42'
const askers = 3
const asksEach = 4
const water = { capacity: 10, leak: 10, perMs: 1_000 }
const leakMs = 500

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const limits = {
  title: 'Limits',
  async run({ processes, sluice }) {
    const log = await sendCodes(processes, sluice)
    const drops = await fillFunnel(sluice)
    return {
      lines: [
        `${askers} processes asked ${askers * asksEach} times at once for a code: ${log.allowed} sent, at most ${codes.limit} a minute`,
        `the next one was ${log.next.allowed ? 'SENT' : `refused: come back in ${span(log.next.retryAfterMs ?? 0)}`}`,
        `a funnel of ${water.capacity}: ${drops.filled} fit, one more was ${drops.overflow.allowed ? 'TAKEN' : `refused for ${span(drops.overflow.retryAfterMs ?? 0)}, then taken`}`,
        `it leaks ${water.leak} a second: after ${span(leakMs)} more, ${drops.refilled} fit again`,
      ],
      promises: [
        {
          text: `${codes.limit} codes a minute over all processes, and the next is told when`,
          kept: log.allowed === codes.limit && isWithin(log.next, codes.perMs),
        },
        {
          text: 'what overflows the funnel is refused, and fits when it was told',
          kept:
            drops.filled === water.capacity &&
            isWithin(drops.overflow, water.perMs) &&
            drops.retried,
        },
        {
          text: 'the funnel leaks evenly',
          kept: drops.refilled >= drops.least && drops.refilled <= drops.most,
        },
      ],
      result: `${log.allowed} codes, the next refused; funnel leaks`,
      figure: `come back in ${span(log.next.retryAfterMs ?? 0)}`,
    }
  },
}

/** @param {import('sluice').Verdict} verdict @param {number} perMs */
const isWithin = ({ allowed, retryAfterMs }, perMs) =>
  !allowed && retryAfterMs !== null && retryAfterMs > 0 && retryAfterMs <= perMs

/** @param {import('../processes.js').Processes} processes @param {import('sluice').Sluice} sluice */
async function sendCodes(processes, sluice) {
  const participants = await Promise.all(
    Array.from({ length: askers }, () => processes.start('asker')),
  )
  const details = { limiter: 'codes', key: user, ...codes, times: asksEach }
  const counts = await Promise.all(participants.map((asker) => asker.ask('take', details)))
  await Promise.all(participants.map((one) => one.rest()))
  const allowed = counts.map(Number).reduce((sum, count) => sum + count, 0)
  const rule = slidingLog({ limit: codes.limit, per: codes.perMs })
  return { allowed, next: await sluice.limiter('codes', rule).take(user) }
}

/**
 * The engine judged each burst at some moment between call and answer: so much may have leaked out
 * between the first and the last, and so much must have.
 *
 * @param {import('sluice').Sluice} sluice
 */
async function fillFunnel(sluice) {
  const { capacity, leak, perMs } = water
  const limiter = sluice.limiter('water', funnel({ capacity, leak, per: perMs }))
  /** @param {number} count */
  const pour = async (count) => {
    const calledMs = performance.now()
    const verdicts = await Promise.all(Array.from({ length: count }, () => limiter.take('tap')))
    return { calledMs, answeredMs: performance.now(), verdicts }
  }
  const first = await pour(capacity + 1)
  const overflow = first.verdicts[capacity] ?? (await limiter.peek('tap'))
  await delay(Math.ceil(overflow.retryAfterMs ?? 0))
  const retry = await limiter.take('tap')
  await delay(leakMs)
  const last = await pour(capacity)
  const allowedCount = (/** @type {typeof first} */ { verdicts }) =>
    verdicts.filter(({ allowed }) => allowed).length
  /** @param {number} ms */
  const leakedIn = (ms) => Math.min(capacity, Math.floor((ms * leak) / perMs) - 1)
  return {
    filled: allowedCount(first),
    overflow,
    retried: retry.allowed,
    refilled: allowedCount(last),
    least: leakedIn(last.calledMs - first.answeredMs),
    most: leakedIn(last.answeredMs - first.calledMs),
  }
}
