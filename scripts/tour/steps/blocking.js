// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { percentile, plural, sharedNowMs, span } from '../figures.js'

const queueName = 'mails'
/** After its start a process is busy with itself for a moment. */
const settleMs = 250
const idleMs = 1_000
const idleCpuShare = 0.1
const wakeUps = 20
const wakeBudgetMs = 250
const burst = 100

/**
 * @typedef {{ cpuMs: number, sentCount: number, writeCount: number }} Spent
 * @typedef {{ number: number, atMs: number }} Received
 */

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const blocking = {
  title: 'First in, first out',
  async run({ processes, sluice }) {
    const consumer = await processes.start('consumer')
    await consumer.ask('consume', { queue: queueName })
    await delay(settleMs)
    const before = /** @type {Spent} */ (await consumer.ask('spent'))
    await delay(idleMs)
    const after = /** @type {Spent} */ (await consumer.ask('spent'))
    const cpuMs = after.cpuMs - before.cpuMs
    const sent = after.sentCount - before.sentCount
    const written = after.writeCount - before.writeCount

    const latenessMs = await wakeOneByOne(sluice, consumer)
    const queue = sluice.queue(queueName)
    const numbers = Array.from({ length: burst }, (_, index) => wakeUps + index)
    await Promise.all(numbers.map((number) => queue.add({ number })))
    const received = await waitFor(consumer, wakeUps + burst)
    await consumer.rest()

    const inOrder = received.every(({ number }, index) => number === index)
    const [firstMs = 0] = latenessMs
    const p50Ms = percentile(latenessMs, 0.5)
    return {
      lines: [
        `idle for ${span(idleMs)}: ${plural(sent, 'command')} sent, ${plural(written, 'write')} to disk, ${span(cpuMs)} of CPU`,
        `woken from that sleep ${span(firstMs)} after add() was called; ${wakeUps} times p50 ${span(p50Ms)}, worst ${span(Math.max(...latenessMs))}`,
        `then ${burst} jobs at once: received ${received.length - wakeUps}, ${inOrder ? 'all in order' : 'OUT OF ORDER'}`,
      ],
      promises: [
        {
          text: `asleep it sends at most a sign of life, writes nothing, and uses under ${idleCpuShare * 100} % of a core`,
          kept: sent <= 1 && written === 0 && cpuMs <= idleMs * idleCpuShare,
        },
        {
          text: `it is woken within ${wakeBudgetMs} ms, in the middle of the field`,
          kept: p50Ms <= wakeBudgetMs,
        },
        {
          text: 'what was added first is received first, each once',
          kept: inOrder && received.length === wakeUps + burst,
        },
      ],
      result: `in order; idle: ${plural(sent, 'command')}, ${span(cpuMs)} CPU`,
      figure: `woken in ${span(p50Ms)}`,
    }
  },
}

/**
 * @param {import('sluice').Sluice} sluice
 * @param {import('../processes.js').Participant} consumer
 */
async function wakeOneByOne(sluice, consumer) {
  const queue = sluice.queue(queueName)
  const latenessMs = []
  for (let number = 0; number < wakeUps; number++) {
    const addedAtMs = sharedNowMs()
    await queue.add({ number })
    const received = await waitFor(consumer, number + 1)
    latenessMs.push((received[number]?.atMs ?? Number.POSITIVE_INFINITY) - addedAtMs)
    await delay(20)
  }
  return latenessMs
}

/**
 * @param {import('../processes.js').Participant} consumer
 * @param {number} count
 * @returns {Promise<Received[]>} at least that many, unless five seconds were not enough
 */
async function waitFor(consumer, count) {
  const deadlineMs = sharedNowMs() + 5_000
  for (;;) {
    const received = /** @type {Received[]} */ (await consumer.ask('received'))
    if (received.length >= count || sharedNowMs() > deadlineMs) return received
    await delay(5)
  }
}
