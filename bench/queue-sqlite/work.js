// @ts-check
import { expect, startWindow } from '../kit/window.js'
import { payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').BenchQueue} BenchQueue
 * @typedef {'memory' | 'file-full' | 'file-normal'} Store
 * @typedef {(folder: string, store?: Store) => Promise<BenchQueue>} Open
 * @typedef {{ store: Store, concurrency: number, warmUpJobs: number, jobs: number, add?: boolean }} Task
 */

const IN_A_CALL = 1_000

/** @param {Open} open @param {string} folder */
export async function check(open, folder) {
  await measure(open, folder, {
    store: 'file-full',
    concurrency: 100,
    warmUpJobs: 100,
    jobs: 1_000,
  })
}

/** @param {Open} open @param {string} folder @param {Task} task */
export async function measure(open, folder, { store, concurrency, warmUpJobs, jobs, add }) {
  const queue = await open(folder, store)
  if (add) {
    await addMany(queue, warmUpJobs)
    const end = startWindow()
    await addMany(queue, jobs)
    const outcome = await end(jobs)
    expect((await queue.left()) === warmUpJobs + jobs, `${await queue.left()} jobs wait`)
    await queue.close()
    return outcome
  }
  const total = warmUpJobs + jobs + 2 * concurrency
  await addMany(queue, Math.ceil(total / IN_A_CALL) * IN_A_CALL)
  let handled = 0
  /** @type {ReturnType<typeof startWindow> | undefined} */
  let end
  /** @type {(outcome: Promise<import('../kit/competitor.js').Outcome>) => void} */
  let finish = () => {}
  const finished = new Promise((/** @type {typeof finish} */ resolve) => {
    finish = resolve
  })
  await queue.work(concurrency, async () => {
    handled++
    if (handled === warmUpJobs) end = startWindow()
    if (handled === warmUpJobs + jobs && end) finish(end(jobs))
  })
  const outcome = await finished
  await queue.close()
  return outcome
}

/** @param {BenchQueue} queue @param {number} count */
async function addMany(queue, count) {
  for (let index = 0; index < count; index += IN_A_CALL) {
    await queue.addBulk(Array.from({ length: IN_A_CALL }, (_, at) => payloadOf(index + at)))
  }
}
