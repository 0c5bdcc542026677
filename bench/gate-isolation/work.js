// @ts-check
import { until } from '../kit/until.js'
import { startWindow } from '../kit/window.js'
import { payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../kit/competitor.js').Outcome} Outcome
 * @typedef {import('../queue-process/work.js').Payload} Payload
 *
 * @typedef {object} Parking
 * @property {(payloads: readonly Payload[], lock: string) => Promise<unknown>} addLocked
 * @property {(name: string) => Promise<unknown>} hold until it is closed
 * @property {() => Promise<number>} parked
 *
 * @typedef {import('../queue-process/work.js').BenchQueue & import('../queue-process/work.js').Pausable & Parking} BenchParking
 * @typedef {(port: number) => Promise<BenchParking>} Open
 * @typedef {{ concurrency: number, warmUpJobs: number, jobs: number, parked: number }} Task
 */

const IN_A_CALL = 1_000
const LOCK = 'user:42'
const LOOK_MS = 20

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  await measure(open, port, { concurrency: 100, warmUpJobs: 100, jobs: 1_000, parked: 1_000 })
}

/**
 * One worker, which knows from the start that there are locks. All of a run wait before it begins.
 * @param {Open} open @param {number} port @param {Task} task @returns {Promise<Outcome>}
 */
export async function measure(open, port, { concurrency, warmUpJobs, jobs, parked }) {
  const queue = await open(port)
  await queue.hold(LOCK)
  let handle = (/** @type {Payload} */ _payload) => {}
  await queue.work(concurrency, async (payload) => handle(payload))

  /** How many a second are handled in the middle of a run. @returns {Promise<Outcome>} */
  async function run() {
    const total = warmUpJobs + jobs + 2 * concurrency
    await queue.pause()
    await addAll(total, (payloads) => queue.addBulk(payloads))
    let handled = 0
    /** @type {Promise<Outcome> | undefined} */
    let outcome
    /** @type {ReturnType<typeof startWindow> | undefined} */
    let end
    handle = () => {
      handled++
      if (handled === warmUpJobs) end = startWindow(port)
      if (handled === warmUpJobs + jobs) outcome = end?.(jobs)
    }
    await queue.resume()
    await until(LOOK_MS, () => handled >= total, 'all jobs have run')
    if (outcome === undefined) throw new Error('the run ended before its middle')
    return outcome
  }

  const alone = await run()
  handle = () => {
    throw new Error('a job ran whose lock is held')
  }
  const startMs = performance.now()
  await addAll(parked, (payloads) => queue.addLocked(payloads, LOCK))
  await until(
    LOOK_MS,
    async () => (await queue.parked()) === parked,
    'all with the lock are parked',
  )
  const parking = (parked / (performance.now() - startMs)) * 1_000
  const outcome = await run()
  const areThere = async () => (await queue.left()) === parked
  await until(LOOK_MS, areThere, 'the parked ones are there, and nothing else')
  await queue.close()
  const [before, beside] = [speedOf(alone), speedOf(outcome)]
  const values = {
    'throughput-ratio': beside / before,
    'cpu-ratio': cpuOf(alone) / cpuOf(outcome),
    'beside-parked': beside,
    ...{ before, parking },
  }
  return { ...outcome, values }
}

/** Jobs per second. @param {Outcome} outcome */
const speedOf = ({ count, elapsedMs }) => (count / elapsedMs) * 1_000

/** Of both sides for a job, which other programs move less. @param {Outcome} outcome */
const cpuOf = ({ count, cpuUs, serverUs }) => (cpuUs + serverUs) / count

/** @param {number} total @param {(payloads: readonly Payload[]) => Promise<unknown>} add */
async function addAll(total, add) {
  for (let from = 0; from < total; from += IN_A_CALL) {
    const size = Math.min(IN_A_CALL, total - from)
    await add(Array.from({ length: size }, (_, at) => payloadOf(from + at)))
  }
}
