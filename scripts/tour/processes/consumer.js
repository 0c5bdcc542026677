// @ts-check
// Takes one job at a time, asleep while there is none, and can say what it spent.
import { Socket } from 'node:net'
import { sharedNowMs } from '../figures.js'

let sentCount = 0
// Every command to a server leaves by a socket's write; the SQLite engine has no socket.
const write = Socket.prototype.write
Socket.prototype.write = function (/** @type {unknown[]} */ ...args) {
  sentCount++
  return Reflect.apply(write, this, args)
}

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {{ number: number, atMs: number }[]} */
  const received = []

  /** @param {string} name */
  async function consume(name) {
    /** @type {import('sluice').Queue<{ number: number }>} */
    const queue = sluice.queue(name)
    for (;;) {
      const [delivery] = await queue.take({ wait: '30s' })
      if (delivery === undefined) continue
      received.push({ number: delivery.data.number, atMs: sharedNowMs() })
      await delivery.ack()
    }
  }
  return {
    /** @param {{ queue: string }} details */
    consume({ queue }) {
      // It ends with the engine, which refuses the next take.
      consume(queue).catch(() => {})
    },
    spent() {
      const { user, system } = process.cpuUsage()
      const writeCount = process.resourceUsage().fsWrite
      return { cpuMs: (user + system) / 1000, sentCount, writeCount }
    },
    received: () => received,
  }
}
