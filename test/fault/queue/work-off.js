// @ts-check
// When nothing more is added: what is left is worked off, and what became of it is written down.
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { keyOf } from './plan.js'

/** @typedef {import('./lanes.js').Queue} Queue */

const POLL_MS = 50
/** A lease of a dead one who took by hand, a quarter of it until that is noticed, and the rest. */
const WORKED_OFF_MS = 60_000
const MOST_LETTERS = 1_000

/**
 * Waits until nothing is left but dead letters, and notes them.
 *
 * @param {readonly Queue[]} queues
 * @param {import('../locks/notes.js').Notes} notes
 */
export async function workOff(queues, notes) {
  const untilMs = monotonicMs() + WORKED_OFF_MS
  for (const queue of queues) {
    let left = 1
    while (left > 0 && monotonicMs() < untilMs) {
      await pause(POLL_MS)
      const { ready, timed, inFlight, parked = 0 } = await queue.counts()
      left = ready + timed + inFlight + parked
    }
    notes.note('left', monotonicMs(), queue.name, left)
    for (const letter of await queue.dead.list({ limit: MOST_LETTERS })) {
      notes.note('dead', monotonicMs(), queue.name, keyOf(letter), letter.id, letter.reason)
    }
  }
}

/**
 * With a Sluice of this process, and nothing in between.
 *
 * @template Answer
 * @param {string} url
 * @param {(name: string) => import('../../../src/index.ts').QueueOptions<any>} optionsOf
 * @param {(queueOf: (name: string) => Queue) => Promise<Answer>} use
 */
export async function withQueues(url, optionsOf, use) {
  const dist = new URL('../../../dist/index.js', import.meta.url)
  /** @type {typeof import('../../../src/index.ts')} */
  const { createSluice } = await import(dist.href)
  const sluice = createSluice(url)
  try {
    return await use((name) => /** @type {Queue} */ (sluice.queue(name, optionsOf(name))))
  } finally {
    await sluice.close()
  }
}
