// Cluster and Sentinel: moved slots, dead masters, and nobody who knows where the data is.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { closing, connect, failureOf, now, untilWorks } from './connect.ts'
import { startCluster, startSentinel } from './servers.js'

describe('a cluster', () => {
  it('work goes on while the slot of a lock and a queue moves back and forth', async () => {
    const cluster = closing(await startCluster())
    const prefix = `supervisor-${randomUUID()}`
    const { sluice } = connect(cluster.url, { prefix, commandTimeout: '10s' })
    const lock = sluice.lock('moving')
    const done: number[] = []
    sluice.queue<number>('moving').work((job) => void done.push(job.data))
    const fences: number[] = []
    let moving = true
    const moves = (async () => {
      // Until enough was done meanwhile to say something.
      for (let round = 0; round < 6 || fences.length <= 5; round++) {
        for (const key of [`${prefix}:lock:{moving}`]) {
          const owner = await cluster.masterOf(key)
          const target = cluster.nodes.find((node) => node !== owner)
          if (target) await cluster.moveSlot(key, target)
          await cluster.ready()
        }
      }
      moving = false
    })()
    let added = 0
    while (moving) {
      fences.push(await lock.run(({ fence }) => fence))
      await sluice.queue<number>('moving').add(added++)
    }
    await moves
    expect(fences.length).toBeGreaterThan(5)
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    await expect.poll(() => new Set(done).size, { timeout: 10_000 }).toBe(added)
  }, 40_000)

  it('a master that dies: its replica takes over, and so do locks, jobs and the one who waits', async () => {
    const cluster = closing(await startCluster({ replicas: 1 }))
    const { sluice, told } = connect(cluster.url)
    const queue = sluice.queue<number>('q')
    const done: number[] = []
    queue.work((job) => void done.push(job.data))
    await queue.add(1)
    await expect.poll(() => done).toEqual([1])
    for (const node of cluster.nodes)
      if ((await node.role()) === 'master') {
        await node.kill()
        break
      }
    await expect.poll(() => told.unavailable.length, { timeout: 2_250 }).toBeGreaterThan(0)
    await cluster.ready()
    for (let lock = 0; lock < 20; lock++) await sluice.lock(`l${lock}`).run(() => {})
    await queue.add(2)
    await expect.poll(() => new Set(done), { timeout: 10_000 }).toContain(2)
    await expect.poll(() => sluice.health().available, { timeout: 5_000 }).toBe(true)
  }, 60_000)

  it('a cluster that is down is told as such by the deadline', async () => {
    const cluster = closing(await startCluster())
    const { sluice } = connect(cluster.url, { commandTimeout: 800 })
    await sluice.lock('a').run(() => {})
    const [first, second, third] = cluster.nodes
    await first?.kill()
    await second?.kill()
    await expect
      .poll(async () => String(await third?.command('CLUSTER', 'INFO')), { timeout: 10_000 })
      .toContain('cluster_state:fail')
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const startedMs = now()
      const failure = await failureOf(sluice.lock(name).acquire({ wait: 0 }))
      expect(failure).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE', retryable: true })
      expect(now() - startedMs).toBeLessThan(800 + 250)
    }
  }, 40_000)
})

describe('sentinels', () => {
  it('all of them away while the master is looked for: it is found once one is back', async () => {
    const set = closing(await startSentinel())
    const { sluice } = connect(set.url, { commandTimeout: 500 })
    await sluice.lock('a').run(() => {})
    for (const sentinel of set.sentinels) sentinel.pause()
    const master = set.nodes[0]
    await master?.command('CLIENT', 'KILL', 'TYPE', 'normal')
    expect(await failureOf(sluice.lock('a').acquire())).toMatchObject({ retryable: true })
    set.sentinels[1]?.resume()
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  }, 40_000)

  it('a master that dies: the next one serves within 10 s, and who waited is woken', async () => {
    // A busy machine may let the next one stand still for long: what it has would be lost with it.
    const set = closing(await startSentinel({ downAfterMs: 2_000 }))
    const { sluice } = connect(set.url)
    const queue = sluice.queue<number>('q')
    const done: number[] = []
    queue.work((job) => void done.push(job.data))
    await queue.add(1)
    await expect.poll(() => done).toEqual([1])
    const killedMs = now()
    await (await set.master()).kill()
    await set.master()
    await untilWorks(sluice)
    await queue.add(2)
    await expect.poll(() => new Set(done), { timeout: 10_000 }).toContain(2)
    expect(now() - killedMs).toBeLessThan(15_000)
  }, 60_000)
})
