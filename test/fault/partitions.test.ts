// A queue that is spread over the masters of a real cluster.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Sluice } from '../../src/index.ts'
import { closing, connect } from './connect.ts'
import { startCluster } from './servers.js'

describe('a queue of partitions', () => {
  it('has all masters take part, and keeps the order of each key while slots move', async () => {
    const cluster = closing(await startCluster())
    const prefix = `partitions-${randomUUID()}`
    const [producer, ...workers] = Array.from({ length: 3 }, () =>
      connect(cluster.url, { prefix, commandTimeout: '10s' }),
    )
    if (!producer) throw new Error('not opened')
    const spread = (sluice: Sluice) =>
      sluice.queue<{ key: string; n: number }>('spread', { partitions: 6 })
    const queue = spread(producer.sluice)
    const running = new Set<string>()
    const ended = new Map<string, number[]>()
    const beside: string[] = []
    for (const { sluice } of workers) {
      spread(sluice).work(async ({ data: { key, n } }) => {
        if (running.has(key)) beside.push(`${key}: ${n}`)
        running.add(key)
        await new Promise((resolve) => setTimeout(resolve, 1))
        running.delete(key)
        ended.set(key, [...(ended.get(key) ?? []), n])
      })
    }
    const keys = Array.from({ length: 24 }, (_, index) => `user:${index}`)
    const adding = (async () => {
      for (let n = 0; n < 20; n++) {
        await Promise.all(keys.map((key) => queue.add({ key, n }, { key })))
      }
    })()
    const key = `${prefix}:queue:{spread}:ready`
    const owner = await cluster.masterOf(key)
    const target = cluster.nodes.find((node) => node !== owner)
    if (target) await cluster.moveSlot(key, target)
    await adding
    await expect
      .poll(() => [...ended.values()].flat().length, { timeout: 20_000 })
      .toBe(keys.length * 20)
    expect(beside).toEqual([])
    const numbers = Array.from({ length: 20 }, (_, n) => n)
    for (const one of keys) expect(ended.get(one)).toEqual(numbers)
    // What stays of a partition where all has ended.
    const metas = await Promise.all(
      cluster.nodes.map(async (node) => {
        const found = await node.command('KEYS', `${prefix}:queue:*:meta`)
        return Array.isArray(found) ? found.length : 0
      }),
    )
    expect(metas.reduce((sum, count) => sum + count, 0)).toBe(6)
    expect(Math.min(...metas)).toBeGreaterThan(0)
  }, 60_000)
})
