// A worker that stands still between being let in and its job: what it was let in with is over, and no timer has told of it.
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { gate } from '../../test/faults.ts'
import { openGatedClients } from '../../test/queue-clients.ts'
import { faulty } from '../testing/faulty.ts'
import type { Queue } from './api.ts'

const WAYS = {
  'in a worker': (queue: Queue<number>, note: (fence: number) => void) => {
    queue.work(({ gates }) => note(gates[0]?.fence ?? 0))
  },
  'taken by hand': async (queue: Queue<number>, note: (fence: number) => void) => {
    for await (const delivery of queue.deliveries()) {
      note(delivery.gates[0]?.fence ?? 0)
      await delivery.ack()
    }
  },
}

describe.each(engines)('a job whose worker stood still before it began, on $name', ({ open }) => {
  it.each(Object.entries(WAYS))('waits for its lock anew: %s', async (_, begin) => {
    const { clock, store, queuesOf, locks } = await openGatedClients(open)
    const still = gate()
    let isClaiming = false
    const slow = faulty(store, ({ method }) => {
      if (method !== 'unpark' || isClaiming) return undefined
      isClaiming = true
      return { callAfter: still.opened }
    })
    const queue = queuesOf(slow, 'slow:1:c').queue<number>('q', { lock: 'door' })
    const door = locks.lock('door', { ttl: '1h' })
    const fences: number[] = []
    const held = await door.acquire()
    void begin(queue, (fence) => fences.push(fence))
    await queue.add(1)
    await expect.poll(async () => (await door.inspect()).waiters.length).toBe(1)
    await held.release()
    await expect.poll(() => isClaiming).toBe(true)

    clock.stepWall(120_000)
    const other = await door.acquire()
    still.open()
    await expect.poll(async () => (await door.inspect()).waiters.length).toBe(1)
    expect(fences).toEqual([])
    await other.release()
    await expect.poll(() => fences.length).toBe(1)
    expect(fences[0]).toBeGreaterThan(other.fence)
  })
})
