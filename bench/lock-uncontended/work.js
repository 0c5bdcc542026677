// @ts-check
import { ask } from '../kit/server.js'
import { expect, measureCalls } from '../kit/window.js'

/**
 * @typedef {object} BenchLocks
 * @property {(name: string) => Promise<{ release(): Promise<unknown> } | null>} acquire null when it
 *   is taken, without waiting
 * @property {() => unknown} close
 *
 * @typedef {(port: number) => Promise<BenchLocks>} Open
 * @typedef {{ inFlight: number, durationMs: number, warmUpMs: number }} Task
 */

export const TTL_MS = 30_000

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const [one, other] = [await open(port), await open(port)]
  const lock = await one.acquire('checked')
  expect(lock !== null, 'a free lock is refused')
  expect((await other.acquire('checked')) === null, 'two clients hold one lock')
  expect((await one.acquire('checked')) === null, 'one client holds a lock twice')
  expect(await expires(port), 'a lock is held for ever')
  await lock?.release()
  const again = await other.acquire('checked')
  expect(again !== null, 'a lock is not released')
  await again?.release()
  await one.close()
  await other.close()
}

/** Whether what the lock keeps has the TTL of the bench. @param {number} port */
async function expires(port) {
  const lua =
    "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PTTL', k) if t > n then n = t end end return n"
  const answer = await ask(port, `EVAL "${lua}" 0`)
  return Number(answer.slice(1)) > TTL_MS / 2
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, task) {
  const locks = await open(port)
  const outcome = await measureCalls(port, task, async (index) => {
    const lock = await locks.acquire(`bench:${index}`)
    if (lock === null) throw new Error('a lock that nobody wants was refused')
    await lock.release()
  })
  await locks.close()
  return outcome
}
