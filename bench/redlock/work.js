// @ts-check
import { ask } from '../kit/server.js'
import { expect, measureCalls } from '../kit/window.js'

/**
 * @typedef {object} BenchLocks
 * @property {(name: string) => Promise<{ release(): Promise<unknown> } | null>} acquire null when it
 *   is taken, without waiting
 * @property {() => unknown} close
 *
 * @typedef {(ports: string, terms?: { fence?: boolean }) => Promise<BenchLocks>} Open ports with
 *   commas between them
 * @typedef {{ inFlight: number, durationMs: number, warmUpMs: number, fence?: boolean }} Task
 */

export const TTL_MS = 2_000

/** @param {string} ports */
export const portsOf = (ports) => ports.split(',').map(Number)

/** @param {Open} open @param {string} ports */
export async function check(open, ports) {
  const [one, other] = [await open(ports), await open(ports)]
  const lock = await one.acquire('checked')
  expect(lock !== null, 'a free lock is refused')
  expect((await other.acquire('checked')) === null, 'two clients hold one lock')
  const counts = await Promise.all(portsOf(ports).map((port) => ask(port, 'DBSIZE')))
  expect(!counts.includes(':0\r\n'), 'a master is not asked')
  await lock?.release()
  const again = await other.acquire('checked')
  expect(again !== null, 'a lock is not released')
  await again?.release()
  await one.close()
  await other.close()
}

/** @param {Open} open @param {string} ports @param {Task} task */
export async function measure(open, ports, { fence = false, ...task }) {
  const locks = await open(ports, { fence })
  const outcome = await measureCalls(portsOf(ports), task, async (index) => {
    const lock = await locks.acquire(`bench:${index}`)
    if (lock === null) throw new Error('a lock that nobody wants was refused')
    await lock.release()
  })
  await locks.close()
  return outcome
}
