// One sequence of commands on jobs with an id, each compared with what the model says.
import fc from 'fast-check'
import { expect } from 'vitest'
import { Consumer, LEASE_MS, newJob, type QueueClient } from '../../src/queue/bench.contract.ts'
import type { Opening, RecordOutcome } from '../../src/queue/record-store.ts'
import type { StoredJob } from '../../src/queue/store.ts'
import type { OpenedEngine } from '../engines.ts'
import { type End, type NamedWay, RecordModel } from './record-model.ts'

const PLAYERS = 3
const NAMES = ['a', 'b', 'c', '限 "\''] as const
const REMEMBER_MS = 3_600_000
const MOST_CALLS = 100

const player = fc.nat(PLAYERS - 1)
const name = fc.constantFrom(...NAMES)
const delayMs = fc.constantFrom(0, 0, 1, 400, 5_000)
const way = fc.oneof(
  fc.record({ delayMs }),
  fc.record({ delayMs, priority: fc.constantFrom(-1, 1) }),
  fc.record({ delayMs, lifo: fc.constant(true) }),
  fc.record({ delayMs, deadlineMs: fc.constantFrom(1, 500, 6_000) }),
)
const end = fc.oneof(
  fc.record({ tag: fc.constantFrom('done' as const, 'dead' as const, 'back' as const) }),
  fc.constant({ tag: 'done' as const, isLeft: true as const }),
  fc.record({ tag: fc.constant('retry' as const), delayMs }),
)
/** A command, how often it is chosen, and what it is given. */
function op<const Name extends string, Given extends object>(
  name: Name,
  weight: number,
  given: { [Key in keyof Given]: fc.Arbitrary<Given[Key]> },
): { weight: number; arbitrary: fc.Arbitrary<Given & { op: Name }> } {
  const all = fc.record(given) as fc.Arbitrary<Given>
  return { weight, arbitrary: all.map((some) => ({ ...some, op: name })) }
}

export const recordAction = fc.oneof(
  op('add', 5, { player, name, way, mode: fc.constantFrom('once' as const, 'simple' as const) }),
  op('take', 6, { player }),
  op('end', 6, { player, at: fc.nat(2), end }),
  op('cancel', 2, { name }),
  op('change', 3, {
    name,
    delayMs: fc.option(delayMs),
    priority: fc.option(fc.constantFrom(-1, 0, 1), { nil: undefined }),
  }),
  op('pass', 3, { ms: fc.constantFrom(1, 500, 6_000) }),
  op('outlive', 2, { player }),
  op('drain', 1, {}),
)
export type RecordAction = typeof recordAction extends fc.Arbitrary<infer One> ? One : never

interface Held {
  ticket: StoredJob
  fence: number
}

interface Player {
  client: QueueClient
  consumer: Consumer
  /** By name. */
  held: Map<string, Held>
  /** Whether it has tickets whose jobs have ended. */
  hasLeft: boolean
}

export class RecordGame {
  private readonly model = new RecordModel()
  private readonly players: Player[]
  private readonly opened: OpenedEngine
  private readonly queue: string
  private readonly sequences = new Map<string, number>()
  private epochs = 0
  private jobs = 0

  constructor(opened: OpenedEngine, clients: QueueClient[], queue: string) {
    this.opened = opened
    this.queue = queue
    this.players = Array.from({ length: PLAYERS }, (_, index) => {
      const client = clients[index % clients.length] as QueueClient
      return { client, consumer: this.consumerOf(client), held: new Map(), hasLeft: false }
    })
  }

  async play(one: RecordAction): Promise<void> {
    await this.act(one)
    for (const known of NAMES) await this.compare(known)
  }

  /** Everything that lives is run, and then nothing is left of it. */
  async end(): Promise<void> {
    for (let round = 0; this.model.live.length > 0; round++) {
      expect(round).toBeLessThan(MOST_CALLS)
      for (const who of this.players) {
        await this.take(who)
        for (const held of [...who.held.keys()]) await this.finish(who, held, { tag: 'done' })
      }
      await this.pass(6_000)
    }
    // Tickets that were left: of those who crashed, and of jobs that were cancelled or moved.
    for (const who of this.players.slice(0, 2)) await this.outlive(who)
    await this.pass(6_000)
    for (const who of this.players) await this.take(who)
    const counts = await this.opened.first.queue.counts(this.queue)
    expect(counts).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: this.model.deadCount })
  }

  private async act(one: RecordAction): Promise<void> {
    const { queue } = this.opened.first
    const { model } = this
    switch (one.op) {
      case 'add':
        return this.add(this.at(one.player).client, one.name, one.mode, one.way)
      case 'take':
        return this.take(this.at(one.player))
      case 'end': {
        const held = [...this.at(one.player).held.keys()][one.at]
        return held === undefined ? undefined : this.finish(this.at(one.player), held, one.end)
      }
      case 'cancel':
        expect(await queue.cancelRecord(this.queue, one.name, REMEMBER_MS)).toBe(
          model.cancel(one.name),
        )
        return
      case 'change': {
        const when = one.delayMs === null ? null : { delayMs: one.delayMs }
        const verdict = await queue.changeRecord(this.queue, one.name, when, one.priority)
        expect(verdict).toBe(model.change(one.name, one.delayMs, one.priority))
        return
      }
      case 'pass':
        return this.pass(one.ms)
      case 'outlive':
        return this.outlive(this.at(one.player))
      case 'drain':
        while ((await queue.drain(this.queue, 100)) > 0);
        return model.drain()
    }
  }

  private async add(
    client: QueueClient,
    known: string,
    mode: 'once' | 'simple',
    way: NamedWay,
  ): Promise<void> {
    const producer = `${client.clientId}.${this.queue}`
    const sequence = (this.sequences.get(producer) ?? 0) + 1
    this.sequences.set(producer, sequence)
    const payload = `"job ${++this.jobs}"`
    const job = { ...newJob(payload, { maxAttempts: 5, ...way }), name: known, mode, quietMs: 0 }
    const request = { queue: this.queue, producer, sequence, jobs: [job] }
    const isNew = this.model.makes(known, mode)
    const added = await client.queue.addNamed(request)
    expect(await client.queue.addNamed(request)).toEqual(added)
    const number = added[0]?.number ?? ''
    const before = this.model.get(known)?.number
    expect(added).toEqual([{ number: isNew ? number : before, isNew }])
    if (isNew) this.model.add(known, number, payload, way)
  }

  /** Claims until there is nothing more, and opens it. */
  private async take(who: Player): Promise<void> {
    for (let call = 0; ; call++) {
      expect(call).toBeLessThan(MOST_CALLS)
      const { jobs, fence, more } = await who.consumer.say({ want: 10 })
      for (const [index, opening] of (await this.openAll(who, jobs, fence)).entries()) {
        await this.receive(who, { ticket: jobs[index] as StoredJob, fence }, opening)
      }
      if (jobs.length === 0 && !more) break
    }
    const left = this.model.claimable().map((known) => this.model.get(known))
    // What it left may be a suspect as well.
    const holdsSuspect =
      who.hasLeft || [...who.held.keys()].some((known) => this.model.get(known)?.isSuspect)
    expect(left.filter((record) => !holdsSuspect || !record?.isSuspect)).toEqual([])
  }

  private async openAll(who: Player, jobs: StoredJob[], fence: number): Promise<Opening[]> {
    if (jobs.length === 0) return []
    const tickets = jobs.map((job) => ({ ...job, number: job.id, name: job.name ?? '' }))
    const openings = await who.client.queue.openRecords({ queue: this.queue, fence, tickets })
    const ran = jobs.filter((_, index) => openings[index]?.tag === 'run')
    const ranks = ran.flatMap(({ name: known }) => {
      const record = this.model.get(known ?? '')
      return !record || record.isSuspect ? [] : [record.rank]
    })
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
    return openings
  }

  private async receive(who: Player, held: Held, opening: Opening): Promise<void> {
    const { ticket } = held
    const known = ticket.name ?? ''
    if (opening.tag === 'drop') return void (await who.consumer.say({ acks: [ticket] }))
    if (opening.tag === 'later') {
      const { delayMs } = opening
      return void (await who.consumer.say({ retries: [{ job: ticket, delayMs, failed: false }] }))
    }
    expect(this.model.claimable()).toContain(known)
    expect(opening.tag).toBe(this.model.open(known))
    const { payload, attempt } = this.model.get(known) ?? {}
    if ('payload' in opening) expect(opening.payload).toBe(payload)
    expect(ticket.attempt).toBe(attempt)
    who.held.set(known, held)
    if (opening.tag !== 'run') await this.finish(who, known, { tag: 'dead' })
  }

  /** As a worker does: the record ends first, and then its ticket. */
  private async finish(who: Player, known: string, how: End): Promise<void> {
    const { ticket, fence } = who.held.get(known) as Held
    who.held.delete(known)
    const { payload = '' } = this.model.get(known) ?? {}
    const closings = [{ name: known, fence, outcome: outcomeOf(how) }]
    const request = { queue: this.queue, rememberMs: REMEMBER_MS, closings }
    const verdict = this.model.end(known, how)
    expect(await who.client.queue.closeRecords(request)).toEqual([verdict])
    if (how.tag === 'done' && how.isLeft) {
      who.hasLeft = true
      return
    }
    if (verdict === 'cancelled' || how.tag === 'done') await who.consumer.say({ acks: [ticket] })
    else if (how.tag === 'dead') {
      await who.consumer.say({ deaths: [{ job: ticket, reason: 'no', payload }] })
    } else {
      const delayMs = how.tag === 'retry' ? how.delayMs : 0
      const failed = how.tag === 'retry'
      await who.consumer.say({ retries: [{ job: ticket, delayMs, failed }] })
    }
  }

  /** Whoever holds something keeps its lease. */
  private async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= LEASE_MS / 4) {
      await this.advance(Math.min(LEASE_MS / 4, leftMs))
      for (const who of this.players) {
        if (who.held.size > 0 || who.hasLeft) await who.consumer.say()
      }
    }
  }

  /** All but one crash, and that one notices. */
  private async outlive(last: Player): Promise<void> {
    for (let quarter = 0; quarter < 8; quarter++) {
      await this.advance(LEASE_MS / 4)
      await last.consumer.say()
    }
    for (const who of this.players.filter((one) => one !== last)) {
      for (const known of who.held.keys()) this.model.crash(known)
      const consumer = this.consumerOf(who.client)
      Object.assign(who, { consumer, held: new Map(), hasLeft: false })
    }
  }

  private async advance(ms: number): Promise<void> {
    this.model.nowMs += ms
    await this.opened.clock.advance(ms)
  }

  private async compare(known: string): Promise<void> {
    const record = await this.opened.first.queue.readRecord(this.queue, known)
    const expected = this.model.get(known)
    if (!expected) return expect(record).toBeNull()
    const { number, payload, state, dueMs, attempt } = expected
    expect(record).toMatchObject({ number, payload, state })
    const isEnded = record?.ended?.number === number
    if (!isEnded) expect(record?.attempt).toBe(attempt)
    if (state !== 'waiting' || dueMs <= this.model.nowMs) return
    const leftMs = (record?.dueAtMs ?? 0) - this.opened.clock.wallMs()
    expect(leftMs).toBeCloseTo(dueMs - this.model.nowMs, 0)
  }

  private consumerOf(client: QueueClient): Consumer {
    return new Consumer(client, this.queue, `epoch-${String(this.epochs++).padStart(4, '0')}`)
  }

  private at(index: number): Player {
    return this.players[index] as Player
  }
}

function outcomeOf(how: End): RecordOutcome {
  if (how.tag === 'done') return { tag: 'done', result: null, reason: null }
  if (how.tag === 'dead') return { tag: 'dead', reason: 'no' }
  return how.tag === 'back' ? { tag: 'back', delayMs: 0 } : how
}
