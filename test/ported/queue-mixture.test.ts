// What must hold of any mixture of calls: each job has one end, its data is what was added, and the
// numbers add up. The mixture is that of a seed, so that a bad one can be had again.
import { describe, expect, it } from 'vitest'
import type { AddOptions, Sluice, Worker } from '../../src/index.ts'
import { seededNumbers } from '../seeded.ts'
import { places } from './places.ts'

const STEPS = 150
const OPTIONS = { attempts: 2, backoff: { type: 'fixed', base: 10 } } as const
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Item {
  number: number
  text: string
  list: unknown[]
}

class Mixture {
  added = new Map<number, Item>()
  done: number[] = []
  changed: number[] = []
  removed = 0
  private readonly ids: string[] = []
  private readonly workers: Worker[] = []
  private readonly clients: readonly Sluice[]
  private readonly chance: () => number

  constructor(clients: readonly Sluice[], seed: number) {
    this.clients = clients
    this.chance = seededNumbers(seed)
  }

  private upTo(most: number): number {
    return Math.floor(this.chance() * (most + 1))
  }

  private open(name: string) {
    const client = this.clients[this.upTo(this.clients.length - 1)] as Sluice
    return client.queue<Item>(name, OPTIONS)
  }

  private get queue() {
    return this.open('work')
  }

  /** Apart: on Redis a drained place counts, also if its job was cancelled. */
  private get named() {
    return this.open('named')
  }

  /** Some are done, some at the second attempt, and some never. */
  private run(item: Item, attempt: number): void {
    if (JSON.stringify(item) !== JSON.stringify(this.added.get(item.number))) {
      this.changed.push(item.number)
    }
    const failures = { 0: 2, 1: 1 }[item.number % 6] ?? 0
    if (attempt <= failures) throw new Error('on purpose')
    this.done.push(item.number)
  }

  private make(): Item {
    const number = this.added.size + 1
    const text = String.fromCodePoint(...Array.from({ length: 4 }, () => 32 + this.upTo(0xd000)))
    const item = { number, text, list: [this.chance(), null, { [text]: [] }, this.upTo(1) > 0] }
    this.added.set(number, item)
    return item
  }

  private place(): AddOptions {
    const ways: AddOptions[] = [
      ...[{}, {}, { delay: this.upTo(40) }, { lifo: true }, { priority: this.upTo(4) - 2 }],
      ...[{ key: `key-${this.upTo(2)}` }],
    ]
    return ways[this.upTo(ways.length - 1)] ?? {}
  }

  async step(): Promise<void> {
    const steps: [weight: number, step: () => unknown][] = [
      [20, () => this.add()],
      [5, () => this.queue.addMany(Array.from({ length: 1 + this.upTo(9) }, () => this.make()))],
      [6, () => this.queue.counts()],
      [4, () => this.queue.list({ state: 'ready', limit: 10 })],
      [3, () => this.queue.pause()],
      [4, () => this.queue.resume()],
      [1, async () => this.remove(await this.queue.drain())],
      [2, () => this.queue.dead.redrive({ limit: 5 })],
      [1, async () => this.remove(await this.queue.dead.purge({ limit: 2 }))],
      [3, () => this.takeByHand()],
      [4, () => this.addNamed()],
      [3, () => this.cancel()],
      [4, () => this.startWorker()],
      [2, () => this.workers.shift()?.close()],
    ]
    const all = steps.flatMap(([weight, one]) => Array.from({ length: weight }, () => one))
    await all[this.upTo(all.length - 1)]?.()
    if (this.upTo(9) === 0) await pause(5)
  }

  private remove(count: number): void {
    this.removed += count
  }

  private async add(): Promise<void> {
    const item = this.make()
    await this.queue.add(item, this.place())
  }

  private async addNamed(): Promise<void> {
    const item = this.make()
    const id = `${item.number}`
    this.ids.push(id)
    await this.named.add(item, { id, delay: this.upTo(20) })
  }

  private async cancel(): Promise<void> {
    const id = this.ids[this.upTo(this.ids.length)]
    if (id !== undefined) await this.named.cancel(id)
  }

  private startWorker(): void {
    const concurrency = 1 + this.upTo(5)
    for (const queue of [this.queue, this.named]) {
      this.workers.push(queue.work(({ data, attempt }) => this.run(data, attempt), { concurrency }))
    }
  }

  private async takeByHand(): Promise<void> {
    const deliveries = await this.queue.take({ max: 1 + this.upTo(3) })
    for (const delivery of deliveries) {
      try {
        this.run(delivery.data, delivery.attempt)
        await delivery.ack()
      } catch {
        await delivery.retry()
      }
    }
  }

  async end(): Promise<number[]> {
    await this.queue.resume()
    this.startWorker()
    const dead: number[] = []
    for (const queue of [this.queue, this.named]) {
      await expect
        .poll(() => queue.counts(), { timeout: 10_000 })
        .toMatchObject({ ready: 0, timed: 0, inFlight: 0 })
      for (const { data } of await queue.dead.list({ limit: 1_000 })) dead.push(data.number)
    }
    for (const id of this.ids) {
      // One that was cancelled while it ran may have done all that it does.
      const isCancelled = (await this.named.get(id))?.state === 'cancelled'
      if (isCancelled && !this.done.includes(Number(id))) this.removed++
    }
    return dead
  }
}

describe.each(places)('a mixture of calls on $name', ({ open }) => {
  it.each([1, 2, 3])('loses and doubles no job, and changes none, with seed %i', async (seed) => {
    const { sluice, other } = open()
    const mixture = new Mixture([sluice, other], seed)
    for (let step = 0; step < STEPS; step++) await mixture.step()
    const dead = await mixture.end()
    const ended = [...mixture.done, ...dead]
    expect(mixture.changed).toEqual([])
    expect(mixture.done.length).toBeGreaterThan(20)
    expect(new Set(ended).size).toBe(ended.length)
    for (const number of dead) expect(number % 6).toBe(0)
    expect(ended.length + mixture.removed).toBe(mixture.added.size)
  })
})
