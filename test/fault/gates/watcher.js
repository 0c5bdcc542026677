// @ts-check
// Looks at all gates all the time, from a process that nothing befalls: which are free as the store
// says, and how much waits.

import { watchTurns } from '../locks/recorder.js'
import { monotonicMs } from '../outcomes/history.js'
import { lockOf, QUEUES, SEMAPHORES, USERS } from './plan.js'
import { optionsOf } from './queues.js'

const LOOK_MS = 250
const ANSWER_MS = 1_000

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { createSluice } = await import(dist.href)

/** @param {string} url @param {import('../locks/notes.js').Notes} notes */
export function startWatcher(url, notes) {
  const silent = () => {}
  const sluice = createSluice(url, {
    ...{ commandTimeout: ANSWER_MS, connectTimeout: ANSWER_MS },
    logger: { info: silent, warn: silent, error: silent },
  })
  const locks = Array.from({ length: USERS }, (_, user) => sluice.lock(lockOf(user)))
  const semaphores = SEMAPHORES.map(({ name, permits }) => sluice.semaphore(name, { permits }))
  const queues = Object.values(QUEUES).map((name) => sluice.queue(name, optionsOf(name)))
  const turns = watchTurns((fromMs, toMs) => notes.note('paused', toMs, fromMs))

  async function look() {
    const atMs = monotonicMs()
    const [ofLocks, ofSemaphores, counts] = await Promise.all([
      Promise.all(locks.map((lock) => lock.inspect())),
      Promise.all(semaphores.map((semaphore) => semaphore.inspect())),
      Promise.all(queues.map((queue) => queue.counts())),
    ])
    const free = [
      ...locks.flatMap(({ name }, at) => (ofLocks[at]?.holder === null ? `lock:${name}` : [])),
      ...ofSemaphores.flatMap(({ name, permits, used }) =>
        used < permits ? `semaphore:${name}` : [],
      ),
    ]
    notes.note(
      'seen',
      atMs,
      free,
      counts.reduce((sum, { parked = 0 }) => sum + parked, 0),
    )
  }
  /** @type {Promise<void> | undefined} */
  let looking
  const timer = setInterval(() => {
    // What nobody answers is not seen.
    looking ??= look()
      .catch(() => {})
      .finally(() => {
        looking = undefined
      })
  }, LOOK_MS)
  return async () => {
    clearInterval(timer)
    turns.stop()
    await looking
    await sluice.close()
  }
}
