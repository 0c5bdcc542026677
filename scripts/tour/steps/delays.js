// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { percentile, sharedNowMs, span } from '../figures.js'

const queueName = 'reminders'
const jobCount = 200
const spreadMs = 3_000
/** So that the first one is not due before it is added. */
const leadMs = 200
const p50BudgetMs = 250
/** What a lost wake-up would take until somebody looks. A disk may be busy for longer than it takes. */
const worstBudgetMs = 2_000

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const delays = {
  title: 'Jobs due later',
  async run({ place, processes, sluice }) {
    const worker = await processes.start('delay-worker')
    await worker.ask('work', { queue: queueName })
    const { aheadMs, unsureMs } = place.clock
    const startMs = Math.ceil(Date.now() + leadMs)
    const dueMs = Array.from(
      { length: jobCount },
      () => startMs + Math.floor(Math.random() * spreadMs),
    )
    const queue = sluice.queue(queueName)
    // Due times are on the engine's clock, which on another machine is not ours.
    await Promise.all(dueMs.map((ms, number) => queue.add({ number }, { at: ms + aheadMs })))
    await delay(startMs + spreadMs - Date.now())
    const arrived = await waitForAll(worker)
    await worker.rest()

    const latenessMs = arrived.map(({ number, atMs }) => atMs - (dueMs[number] ?? 0))
    const once = new Set(arrived.map(({ number }) => number)).size === arrived.length
    const worstMs = Math.max(...latenessMs)
    const earliestMs = Math.min(...latenessMs)
    const [p50Ms, p99Ms] = [percentile(latenessMs, 0.5), percentile(latenessMs, 0.99)]
    return {
      lines: [
        `${jobCount} jobs due at random moments within ${span(spreadMs)}; ${arrived.length} ran, none polled for.`,
        `late by p50 ${span(p50Ms)}, p99 ${span(p99Ms)}, worst ${span(worstMs)}`,
      ],
      promises: [
        { text: 'every job ran once', kept: once && arrived.length === jobCount },
        { text: 'none ran before it was due', kept: earliestMs >= -unsureMs },
        {
          text: `late by at most ${p50BudgetMs} ms in the middle (p50), and never forgotten`,
          kept: p50Ms <= p50BudgetMs && worstMs <= worstBudgetMs,
        },
      ],
      result: `${arrived.length} of ${jobCount} ran, none early`,
      figure: `p50 ${span(p50Ms)}, p99 ${span(p99Ms)}`,
    }
  },
}

/**
 * @param {import('../processes.js').Participant} worker
 * @returns {Promise<{ number: number, atMs: number }[]>}
 */
async function waitForAll(worker) {
  const deadlineMs = sharedNowMs() + 5_000
  for (;;) {
    const arrived = /** @type {{ number: number, atMs: number }[]} */ (await worker.ask('arrived'))
    if (arrived.length >= jobCount || sharedNowMs() > deadlineMs) return arrived
    await delay(20)
  }
}
