// Random sequences of commands, on every engine and on a model in memory: they answer the same.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Consumer, LEASE_MS, newJob, type QueueClient } from '../../src/queue/bench.contract.ts'
import type { ExchangeAnswer, StoredJob } from '../../src/queue/store.ts'
import { engines, type OpenedEngine } from '../engines.ts'
import { type Expected, MAX_CRASHES, QueueModel, type Said } from './queue-model.ts'

/** On each of five engines; more for once: `SEQUENCES=2000 npx vitest run …`. */
const SEQUENCES = Number(process.env.SEQUENCES ?? 400)
const LONGEST = 30
const TIMEOUT_MS = 300_000
const PLAYERS = 3

const player = fc.nat(PLAYERS - 1)
const delayMs = fc.constantFrom(0, 1, 400, 5_000)
const settlement = fc.oneof(
  fc.constant({ tag: 'ack' as const }),
  fc.record({ tag: fc.constant('retry' as const), delayMs }),
  fc.constant({ tag: 'handBack' as const }),
  fc.record({ tag: fc.constant('death' as const), reason: fc.constantFrom('', 'no', '限 "\'') }),
)
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('add' as const),
      player,
      count: fc.integer({ min: 1, max: 3 }),
      delayMs,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('exchange' as const),
      player,
      want: fc.nat(3),
      settlements: fc.array(settlement, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('repeat' as const), player }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('late' as const), player, from: player }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('crash' as const), player }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('outlive' as const),
      player,
      by: player,
      want: fc.nat(1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 500, LEASE_MS / 4, LEASE_MS / 3, LEASE_MS / 3 + 1, LEASE_MS + 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('redrive' as const),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('purge' as const),
      limit: fc.integer({ min: 1, max: 2 }),
    }),
  },
)
type Action = typeof action extends fc.Arbitrary<infer One> ? One : never

/** A consumer, and what the model says that it holds. */
interface Player {
  client: QueueClient
  consumer: Consumer | null
  held: StoredJob[]
  /** What its last call was answered with, and how many jobs it settled. */
  last: (ExchangeAnswer & { tag: 'ok' }) | null
}

/** One sequence on a queue of its own. */
class Game {
  private readonly model = new QueueModel()
  private readonly players: Player[]
  private readonly opened: OpenedEngine
  private readonly queue: string
  private readonly gone: StoredJob[] = []
  private readonly sequences = new Map<string, number>()
  private epochs = 0
  private jobs = 0
  private fence = 0

  constructor(opened: OpenedEngine, clients: QueueClient[], queue: string) {
    this.opened = opened
    this.queue = queue
    this.players = Array.from({ length: PLAYERS }, (_, index) => ({
      client: clients[index % clients.length] as QueueClient,
      ...{ consumer: null, held: [], last: null },
    }))
  }

  get isUndecided(): boolean {
    return this.model.isUndecided
  }

  async play(one: Action): Promise<void> {
    await this.act(one)
    if (this.isUndecided) return
    const { first } = this.opened
    expect(await first.queue.counts(this.queue)).toEqual(this.model.counts())
  }

  /** What is dead, in which order, and why. */
  async end(): Promise<void> {
    const dead = await this.opened.first.queue.listDead(this.queue, 100)
    expect(dead.map(({ diedAtMs: _, ...job }) => job)).toEqual(
      this.model.dead.map(({ job, reason }) => ({ ...job, reason })),
    )
  }

  private async act(one: Action): Promise<void> {
    const { queue } = this.opened.first
    switch (one.op) {
      case 'add':
        return this.add(this.at(one.player).client, one.count, one.delayMs)
      case 'exchange': {
        const { held } = this.at(one.player)
        const said: Said = one.settlements.flatMap((how, index) => {
          const job = held[index]
          return job ? [[job, how]] : []
        })
        return this.exchange(this.at(one.player), one.want, said)
      }
      case 'late': {
        // Of whoever holds it now, or of nobody any more.
        const job = this.at(one.from).held[0] ?? this.gone.at(-1)
        const taker = this.at(one.player)
        if (!job || taker.held.includes(job)) return
        return this.exchange(taker, 0, [[job, { tag: 'ack' }]])
      }
      case 'repeat':
        return this.repeat(this.at(one.player))
      case 'crash':
        return this.forget(this.at(one.player))
      case 'outlive':
        // Chance alone seldom has one call often enough while another one is gone for a lease.
        this.forget(this.at(one.player))
        for (let quarter = 0; quarter < 5 && !this.isUndecided; quarter++) {
          await this.pass(LEASE_MS / 4)
          await this.exchange(this.at(one.by), one.want, [])
        }
        return
      case 'pass':
        return this.pass(one.ms)
      case 'redrive':
        expect(await queue.redrive(this.queue, one.limit)).toBe(this.model.redrive(one.limit))
        return
      case 'purge':
        expect(await queue.purge(this.queue, one.limit)).toBe(this.model.purge(one.limit))
        return
    }
  }

  /** It is gone, and nobody is told. */
  private forget(who: Player): void {
    Object.assign(who, { consumer: null, held: [], last: null })
  }

  private pass(ms: number): Promise<void> {
    this.model.nowMs += ms
    return this.opened.clock.advance(ms)
  }

  private at(index: number): Player {
    return this.players[index] as Player
  }

  private async add(client: QueueClient, count: number, delay: number): Promise<void> {
    const payloads = Array.from({ length: count }, () => `"job ${++this.jobs}"`)
    const producer = `${client.clientId}.${this.queue}`
    const sequence = (this.sequences.get(producer) ?? 0) + 1
    this.sequences.set(producer, sequence)
    const request = {
      ...{ queue: this.queue, producer, sequence },
      jobs: payloads.map((payload) => newJob(payload, { delayMs: delay, maxAttempts: 5 })),
    }
    const ids = await client.queue.add(request)
    // The answer was lost, and the producer says it again.
    expect(await client.queue.add(request)).toEqual(ids)
    this.model.add(ids, payloads, delay)
  }

  private async exchange(who: Player, want: number, said: Said): Promise<void> {
    // No two leases end at one moment: which of them is recovered first is left open.
    await this.pass(1)
    const name = `epoch-${String(this.epochs).padStart(4, '0')}`
    if (!who.consumer) {
      this.epochs++
      who.consumer = new Consumer(who.client, this.queue, name)
    }
    const { consumer } = who
    const answer = await consumer.exchange({
      ...{ want, maxCrashes: MAX_CRASHES },
      acks: said.flatMap(([job, { tag }]) => (tag === 'ack' ? [job] : [])),
      retries: said.flatMap(([job, how]) => {
        const delayMs = how.tag === 'retry' ? how.delayMs : 0
        const isBack = how.tag === 'retry' || how.tag === 'handBack'
        return isBack ? [{ job, delayMs, failed: how.tag === 'retry' }] : []
      }),
      deaths: said.flatMap(([job, how]) =>
        how.tag === 'death' ? [{ job, reason: how.reason }] : [],
      ),
    })
    if (this.model.isLost(consumer.epoch, who.held.length)) {
      expect(answer).toMatchObject({ tag: 'lost' })
      return this.forget(who)
    }
    if (answer.tag === 'lost') throw new Error(`${consumer.epoch} is lost, and held a lease`)
    const expected = this.model.settle(consumer.epoch, said)
    this.compare(answer, expected, want)
    this.model.claimed(consumer.epoch, answer.jobs)
    const settled = new Set(said.map(([{ id }]) => id))
    this.gone.push(...who.held.filter(({ id }) => settled.has(id)))
    who.held = [...who.held.filter(({ id }) => !settled.has(id)), ...answer.jobs]
    who.last = answer
  }

  private compare(answer: ExchangeAnswer & { tag: 'ok' }, expected: Expected, want: number): void {
    const { suspects, first, line } = expected
    expect(answer.staleIds.toSorted()).toEqual(expected.staleIds.toSorted())
    expect(answer.nextDueMs).toBe(expected.nextDueMs)
    expect(answer.watch).toBe(expected.watch)
    const jobs = [...answer.jobs]
    if (suspects.length > 0 && want > 0) expect(suspects).toContainEqual(jobs.shift())
    const room = want - (answer.jobs.length - jobs.length)
    expect(jobs).toHaveLength(Math.min(room, first.length + line.length))
    const fromFirst = jobs.splice(0, first.length)
    for (const job of fromFirst) expect(first).toContainEqual(job)
    expect(new Set(fromFirst.map(({ id }) => id)).size).toBe(fromFirst.length)
    expect(jobs).toEqual(line.slice(0, jobs.length))
    if (answer.jobs.length === 0) return
    expect(answer.fence).toBeGreaterThan(this.fence)
    this.fence = answer.fence
  }

  private async repeat(who: Player): Promise<void> {
    const { consumer, last } = who
    if (!consumer || !last) return
    const isOver = last.jobs.length > 0 && this.model.leaseOf(consumer.epoch) === null
    const answer = await consumer.repeat()
    if (isOver) {
      expect(answer).toMatchObject({ tag: 'lost' })
      return this.forget(who)
    }
    expect(answer).toMatchObject({ tag: 'ok', fence: last.fence, staleIds: last.staleIds })
    if (answer.tag === 'ok') {
      const byId = (a: StoredJob, b: StoredJob) => Number(a.id) - Number(b.id)
      expect(answer.jobs.toSorted(byId)).toEqual(last.jobs.toSorted(byId))
    }
  }
}

describe.each(engines)('queues on $name', ({ open }) => {
  let opened: OpenedEngine
  let clients: QueueClient[]
  let count = 0
  beforeAll(async () => {
    opened = await open()
    clients = [opened.first, await opened.second()]
  })
  afterAll(() => opened.close())

  it(`answer as the model does, in ${SEQUENCES} sequences`, { timeout: TIMEOUT_MS }, async () => {
    const sequence = fc.array(action, { minLength: 5, maxLength: LONGEST, size: 'max' })
    const property = fc.asyncProperty(sequence, async (actions) => {
      const game = new Game(opened, clients, `model-${++count}`)
      for (const one of actions) {
        if (!game.isUndecided) await game.play(one)
      }
      if (!game.isUndecided) await game.end()
    })
    await fc.assert(property, { numRuns: SEQUENCES, endOnFailure: false })
  })
})
