// @ts-check
// Works through requests that need the lock of their user, in the old way and in the new one, and can say what it spent.
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { sharedNowMs } from '../figures.js'

/**
 * @typedef {{ number: number, lock: string }} Request
 * @typedef {Request & { beganAtMs: number, endedAtMs: number }} Done
 */

const workMs = 5
const concurrency = 40
/** As the lock of a request has it, where it is taken by hand. */
const ttlMs = 5_000
/** Who guesses less asks more often, who guesses more is later. Spread, so that not all come at the same time. */
const guessMs = 50

let sentCount = 0
// Commands to a server leave by a socket's writes, several in one; the SQLite engine has no socket.
const write = Socket.prototype.write
Socket.prototype.write = function (/** @type {unknown[]} */ ...args) {
  sentCount += String(args[0]).match(/^\*\d+\r$/gm)?.length ?? 0
  return Reflect.apply(write, this, args)
}

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {Done[]} */
  const done = []
  let deliveryCount = 0

  async function work(/** @type {Request} */ request) {
    const beganAtMs = sharedNowMs()
    await delay(workMs)
    done.push({ ...request, beganAtMs, endedAtMs: sharedNowMs() })
  }

  return {
    /** A conflict is a failure, to be tried again after a while that somebody guessed. @param {{ queue: string }} details */
    workByHand({ queue: name }) {
      const options = /** @type {const} */ ({
        backoff: { type: 'fixed', base: guessMs, jitter: 0.5 },
      })
      /** @type {import('sluice').Queue<Request>} */
      const queue = sluice.queue(name, options)
      queue.work(
        ({ data }) => {
          deliveryCount++
          return sluice.lock(data.lock, { ttl: ttlMs }).run(() => work(data), { wait: 0 })
        },
        { concurrency },
      )
    },
    /** A conflict is no matter of the handler's. @param {{ queue: string }} details */
    workParked({ queue: name }) {
      /** @type {import('sluice').Queue<Request>} */
      const queue = sluice.queue(name, { lock: (/** @type {Request} */ { lock }) => lock })
      queue.work(
        ({ data }) => {
          deliveryCount++
          return work(data)
        },
        { concurrency },
      )
    },
    done: () => done,
    spent: () => ({ deliveryCount, sentCount, writeCount: process.resourceUsage().fsWrite }),
  }
}
