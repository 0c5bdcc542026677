// @ts-check
// Time that passes only when nothing is left to do: events in the order of their time, and clocks
// that run a little faster or slower than it.

/**
 * @typedef {ReturnType<typeof createWorld>} World
 * @typedef {import('../../../src/clock.ts').Clock} Clock
 *
 * @typedef {object} Process somebody who may stand still: what happens to it waits until it goes on
 * @property {number} pausedUntilMs
 * @property {boolean} isDead nothing happens to it any more
 *
 * @typedef {{atMs: number, order: number, run: () => void, process: Process | null}} Event
 */

/** Lets every promise that can go on do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

export function createWorld() {
  /** @type {Event[]} */
  const events = []
  let nowMs = 0
  let count = 0

  /** A binary heap: the earliest is first, and of those the one that was planned first. @param {Event} one @param {Event} other */
  const isBefore = (one, other) =>
    one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

  /** @param {Event} event */
  function push(event) {
    let index = events.push(event) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = /** @type {Event} */ (events[above])
      if (!isBefore(event, parent)) break
      events[index] = parent
      index = above
    }
    events[index] = event
  }

  function pop() {
    const first = events[0]
    const last = events.pop()
    if (!last || events.length === 0) return first
    let index = 0
    for (;;) {
      let below = index * 2 + 1
      const right = events[below + 1]
      if (right && isBefore(right, /** @type {Event} */ (events[below]))) below++
      const next = events[below]
      if (!next || !isBefore(next, last)) break
      events[index] = next
      index = below
    }
    events[index] = last
    return first
  }

  return {
    nowMs: () => nowMs,
    /** @param {number} delayMs @param {() => void} run @param {Process | null} [process] to which it happens */
    after(delayMs, run, process = null) {
      /** @type {Event} */
      const event = { atMs: nowMs + Math.max(0, delayMs), order: ++count, run, process }
      push(event)
      return {
        cancel() {
          event.run = () => {}
        },
      }
    },
    /** Goes on until `isOver` or `untilMs`. `look` is called after everything that happened. @param {number} untilMs @param {() => boolean} isOver @param {() => void} look */
    async run(untilMs, isOver, look) {
      await settle()
      while (!isOver()) {
        const event = pop()
        if (!event || event.atMs > untilMs) return
        nowMs = Math.max(nowMs, event.atMs)
        const { process } = event
        if (process?.isDead) continue
        if (process && process.pausedUntilMs > nowMs) {
          push({ ...event, atMs: process.pausedUntilMs, order: ++count })
          continue
        }
        event.run()
        await settle()
        look()
      }
    },
  }
}

/**
 * The clock of a process. Its rate is what it gains on the world's time: 1.01 is a hundredth fast.
 *
 * @param {World} world
 * @param {Process} process
 * @param {number} rate
 * @returns {Clock}
 */
export const createClock = (world, process, rate) => ({
  monotonicMs: () => world.nowMs() * rate,
  wallMs: () => world.nowMs() * rate,
  storeUs: () => null,
  after: (delayMs, callback) => world.after(delayMs / rate, callback, process),
})
