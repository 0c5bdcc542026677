// @ts-check
// Works delayed jobs and notes when each one arrived.

/** @type {import('./participant.js').Play} */
export function play(sluice) {
  /** @type {{ number: number, atMs: number }[]} */
  const arrived = []
  return {
    /** @param {{ queue: string }} details */
    work({ queue: name }) {
      /** @type {import('sluice').Queue<{ number: number }>} */
      const queue = sluice.queue(name)
      queue.work(({ data }) => void arrived.push({ number: data.number, atMs: Date.now() }), {
        concurrency: 50,
      })
    },
    arrived: () => arrived,
  }
}
