// @ts-check
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { plural, sharedNowMs, span } from '../figures.js'

const queueName = 'payments'
const jobCount = 300
const concurrency = 40
const leaseMs = 400
/** Far enough in that batches follow each other, far from the end. */
const killAfter = 100

/** @type {import('../run-steps.js').Step<import('../tour.js').Context>} */
export const killedWorker = {
  title: 'A worker killed',
  async run({ place, processes, sluice }) {
    const ledger = path.join(place.folder, 'ledger')
    mkdirSync(ledger)
    const queue = sluice.queue(queueName)
    const numbers = Array.from({ length: jobCount }, (_, number) => ({ number }))
    const added = await queue.addMany(numbers)
    const [victim, heir] = await Promise.all([
      processes.start('ledger-worker'),
      processes.start('ledger-worker'),
    ])
    const work = { queue: queueName, ledger, concurrency, leaseMs }
    await victim.ask('work', work)
    await untilTrue(() => readdirSync(ledger).length >= killAfter)
    victim.kill('SIGKILL')
    await victim.ended
    const killedAtMs = sharedNowMs()
    const enteredBefore = readdirSync(ledger).length
    await heir.ask('work', work)
    await untilTrue(() => isEmptyTwice(queue))
    const tookMs = sharedNowMs() - killedAtMs
    const counts = await queue.counts()
    const refused = /** @type {string[]} */ (await heir.ask('refusedIds'))
    await heir.rest()

    const entries = readdirSync(ledger).sort()
    const ids = added.map(({ id }) => id).sort()
    const complete =
      entries.length === ids.length && entries.every((id, index) => id === ids[index])
    return {
      lines: [
        `${jobCount} payments; process ${victim.pid} got kill -9 with ${enteredBefore} entered and up to ${concurrency} in its hands.`,
        `process ${heir.pid} took over, and all was done ${span(tookMs)} later (lease ${span(leaseMs)}).`,
        `delivered again although entered: ${plural(refused.length, 'job')}, each refused by the ledger; dead: ${counts.dead}`,
      ],
      promises: [
        { text: `all ${jobCount} jobs are in the ledger, each once`, kept: complete },
        {
          text: 'nothing is left in the queue, and nothing died',
          kept: Object.values(counts).every((count) => count === 0),
        },
      ],
      result: `${entries.length} of ${jobCount} once; ${refused.length} repeats refused`,
      figure: `all done in ${span(tookMs)}`,
    }
  },
}

/**
 * A count of a queue that is in motion is not of one moment: a job on its way back from the killed
 * worker may be in neither place that is looked at. It is not so twice.
 *
 * @param {import('sluice').Queue} queue
 */
async function isEmptyTwice(queue) {
  for (let look = 0; look < 2; look++) {
    const { ready, timed, inFlight } = await queue.counts()
    if (ready + timed + inFlight > 0) return false
    await delay(10)
  }
  return true
}

/** @param {() => boolean | Promise<boolean>} check */
async function untilTrue(check) {
  const deadlineMs = sharedNowMs() + 10_000
  while (!(await check()) && sharedNowMs() < deadlineMs) await delay(5)
}
