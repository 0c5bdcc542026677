// A queue of several partitions, as a user sees it, on every engine.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { engines } from '../../test/engines.ts'
import { openQueueClients } from '../../test/queue-clients.ts'
import type { QueueOptions } from './options.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const MISMATCH = { code: 'SLUICE_SETTINGS_MISMATCH' }
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe.each(engines)('partitions on $name', ({ open }) => {
  async function start() {
    const { clock, ours, theirs, errors } = await openQueueClients(open)
    const of = <Data>(options?: QueueOptions) => ours.queue<Data>('q', options)
    const other = <Data>(options?: QueueOptions) => theirs.queue<Data>('q', options)
    return { clock, ours, of, other, errors }
  }

  it('Q55 are as many as the first to say it said; who says nothing adopts them', async () => {
    const { ours, of, other, errors } = await start()
    expect(await of({ partitions: 4 }).counts()).toEqual(NOWHERE)
    const wrong = other({ partitions: 3 })
    for (const call of [() => wrong.add(1), () => wrong.counts(), () => wrong.take()]) {
      await expect(call()).rejects.toMatchObject(MISMATCH)
    }
    wrong.work(() => {})
    await expect.poll(() => errors).toMatchObject([{ error: { stored: 4, said: 3 } }])
    const adopted = other<string>()
    await adopted.addMany(['a1', 'a2'], { key: 'a' })
    await of<string>({ partitions: 4 }).addMany(['a3', 'a4'], { key: 'a' })
    const seen: string[] = []
    of<string>().work(({ data }) => void seen.push(data))
    await expect.poll(() => seen).toEqual(['a1', 'a2', 'a3', 'a4'])
    await expect.poll(() => adopted.counts()).toEqual(NOWHERE)
    expect(await ours.counts('q')).toEqual(NOWHERE)
  })

  it('Q55 a queue that was used without partitions has one', async () => {
    const { of, other } = await start()
    await of().add(1)
    await expect(other({ partitions: 2 }).add(2)).rejects.toThrow('in use with 1 partitions')
    expect(await other({ partitions: 1 }).obliterate()).toBe(1)
    await other({ partitions: 2 }).add(2)
    await expect(other({ partitions: 1 }).add(1)).rejects.toMatchObject(MISMATCH)
    expect(await other({ partitions: 2 }).obliterate()).toBe(1)
    await of({ partitions: 1 }).add(2)
    expect(await of().drain()).toBe(1)
  })

  it('Q55 all of them are worked on by one worker, and jobs of a key in their order', async () => {
    const { of, other } = await start()
    const queue = of<string>({ partitions: 4 })
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const plainIds: string[] = []
    for (let round = 0; round < 8; round++) {
      for (const key of keys) void queue.add(`${key}${round}`, { key })
      plainIds.push((await queue.add('plain')).id)
      await queue.add('named', { id: `job-${round}` })
    }
    expect(new Set(plainIds).size).toBe(8)
    expect(await queue.counts()).toEqual({ ...NOWHERE, ready: 80 })
    const ended: string[] = []
    let running = 0
    let most = 0
    const worker = other<string>().work(
      async ({ data }) => {
        most = Math.max(most, ++running)
        await turn()
        ended.push(data)
        running--
      },
      { concurrency: 3 },
    )
    await expect.poll(() => ended.length).toBe(80)
    expect(most).toBeLessThanOrEqual(3)
    for (const key of keys) {
      const ofKey = ended.filter((data) => data.startsWith(key) && data.length === 2)
      expect(ofKey).toEqual(Array.from({ length: 8 }, (_, round) => `${key}${round}`))
    }
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(await queue.get('job-3')).toMatchObject({ state: 'done' })
    await worker.close()
  })

  it('Q55 none of them starves while one has more than can be worked on', async () => {
    const { clock, of, other } = await start()
    const queue = of<number>({ partitions: 3, attempts: 1 })
    const ids: string[] = []
    for (let batch = 0; batch < 3; batch++) {
      const added = await queue.addMany(Array.from({ length: 160 }, (_, n) => n))
      ids.push(...added.map(({ id }) => id))
      await turn()
    }
    const partitionsOf = (some: string[]) =>
      new Map(
        ['', '.1', '.2'].map((end) => [end, some.filter((id) => id.slice(16) === end).length]),
      )
    expect([...partitionsOf(ids).values()]).toEqual([160, 160, 160])
    const begun: string[] = []
    other<number>().work(
      async ({ id }) => {
        begun.push(id)
        // Long enough that a server which answers late, as the first call to it does, loses few turns.
        await sleep(3)
        await clock.advance(3)
      },
      { concurrency: 2 },
    )
    await expect.poll(() => begun.length, { timeout: 10_000 }).toBe(480)
    for (const count of partitionsOf(begun.slice(0, 240)).values())
      expect(count).toBeGreaterThan(20)
    expect(new Set(begun)).toEqual(new Set(ids))
  })

  it('Q55 are one to who takes, lists, pauses, redrives and removes', async () => {
    const { clock, of, other } = await start()
    const queue = of<number>({ partitions: 3, attempts: 1 })
    for (let n = 0; n < 6; n++) {
      await queue.add(n)
      await turn()
    }
    await queue.add(6, { delay: '1s' })
    await queue.pause()
    expect(await other().take()).toEqual([])
    expect(await other().counts()).toEqual({ ...NOWHERE, ready: 6, timed: 1, paused: true })
    await queue.resume()
    const listed: number[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof queue.list>> = await queue.list({
        state: 'ready',
        limit: 2,
        cursor,
      })
      listed.push(...page.jobs.map(({ data }) => data))
      cursor = page.cursor
    } while (cursor !== null)
    expect(listed.sort()).toEqual([0, 1, 2, 3, 4, 5])
    const taken = await other<number>().take({ max: 6 })
    const more = await other<number>().take({ max: 6 })
    const all = [...taken, ...more]
    while (all.length < 6) all.push(...(await other<number>().take({ max: 6, wait: '1s' })))
    for (const delivery of all) await delivery.fail('no')
    const dead = await queue.dead.list()
    expect(dead.map(({ data }) => data).sort()).toEqual([0, 1, 2, 3, 4, 5])
    expect(new Set(dead.map(({ id }) => id))).toEqual(new Set(all.map(({ id }) => id)))
    expect(await queue.dead.redrive({ limit: 4 })).toBe(4)
    expect(await queue.dead.purge()).toBe(2)
    await clock.advance('1s')
    const rest: unknown[] = []
    while (rest.length < 5) {
      for (const one of await other<number>().take({ max: 9, wait: '1s' })) {
        rest.push(one.data)
        await one.ack()
      }
    }
    expect(rest).toContain(6)
    await queue.add(7, { id: 'seven', delay: '1h' })
    expect(await other().cancel('seven')).toBe('cancelled')
    expect(await other().get('seven')).toMatchObject({ state: 'cancelled' })
    await queue.addMany([8, 9], { key: 'k' })
    expect(await other().obliterate()).toBeGreaterThanOrEqual(2)
    expect(await queue.counts()).toEqual(NOWHERE)
  })
})
