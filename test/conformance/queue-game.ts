// One sequence of commands on a queue of its own, each compared with what the model says.
import { expect } from 'vitest'
import { Consumer, LEASE_MS, type QueueClient } from '../../src/queue/bench.contract.ts'
import type { ExchangeAnswer, StoredJob } from '../../src/queue/store.ts'
import type { OpenedEngine } from '../engines.ts'
import { type Action, PLAYERS } from './queue-actions.ts'
import { Batches } from './queue-batches.ts'
import { expectClaim } from './queue-claims.ts'
import { type Expected, MAX_CRASHES, OVERDUE, QueueModel, type Said } from './queue-model.ts'
import { told } from './queue-model-ready.ts'

/** A consumer, and what the model says that it holds. */
interface Player {
  client: QueueClient
  consumer: Consumer | null
  held: StoredJob[]
  /** What its last call was answered with, and how many jobs it settled. */
  last: (ExchangeAnswer & { tag: 'ok' }) | null
}

export class QueueGame {
  private readonly model = new QueueModel()
  private readonly batches: Batches
  private readonly players: Player[]
  private readonly opened: OpenedEngine
  private readonly queue: string
  private readonly gone: StoredJob[] = []
  private epochs = 0
  private fence = 0
  /** Of the claim in which a job was delivered last. */
  private readonly fences = new Map<string, number>()

  constructor(opened: OpenedEngine, clients: QueueClient[], queue: string) {
    this.opened = opened
    this.queue = queue
    this.batches = new Batches(queue, this.model)
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
    // Of a dead job of a key its engine may have forgotten the crashes: it begins anew if it is redriven.
    const crashesOf = ({ key, crashes }: StoredJob) => (key === undefined ? crashes : 0)
    expect(dead.map(({ diedAtMs: _, ...job }) => ({ ...job, crashes: crashesOf(job) }))).toEqual(
      this.model.dead.map(({ job, reason }) => ({
        ...{ ...told(job), payload: job.payload, reason, crashes: crashesOf(job) },
      })),
    )
  }

  private async act(one: Action): Promise<void> {
    const { queue } = this.opened.first
    switch (one.op) {
      case 'add': {
        const add = () => this.batches.add(this.at(one.player).client, one)
        // Others take several calls, and a script that the server has yet to be told comes behind the other one.
        const isOneCall = one.underWay === 'one' && one.way.key === undefined
        const isKnown = this.batches.isKnown && this.fence > 0
        if (one.wantBehind === 0 || !isOneCall || !isKnown) return add()
        return this.exchange(this.at(one.player), one.wantBehind, [], add)
      }
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
        if (job.key !== undefined) return this.closeLate(job)
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
        return this.redrive(one.limit)
      case 'purge':
        expect(await queue.purge(this.queue, one.limit)).toBe(this.model.purge(one.limit))
        return
      case 'pause':
        this.model.isPaused = true
        return queue.pause(this.queue)
      case 'resume':
        this.model.isPaused = false
        return queue.resume(this.queue)
      case 'drain':
        return this.drain()
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

  /** @param add leaves in the same turn, in front */
  private async exchange(
    who: Player,
    want: number,
    said: Said,
    add?: () => Promise<void>,
  ): Promise<void> {
    // No two leases end at one moment: which of them is recovered first is left open.
    await this.pass(1)
    const name = `epoch-${String(this.epochs).padStart(4, '0')}`
    if (!who.consumer) {
      this.epochs++
      who.consumer = new Consumer(who.client, this.queue, name)
    }
    const { consumer } = who
    const isLost = this.model.isLost(consumer.epoch, who.held.length)
    const passed = isLost ? said : await this.closeKeyed(who, said)
    const added = add?.()
    const answer = await consumer.exchange({
      ...{ want, maxCrashes: MAX_CRASHES },
      acks: passed.flatMap(([job, { tag }]) => (tag === 'ack' ? [job] : [])),
      retries: passed.flatMap(([job, how]) => {
        const delayMs = how.tag === 'retry' ? how.delayMs : 0
        const isBack = how.tag === 'retry' || how.tag === 'handBack'
        return isBack ? [{ job, delayMs, failed: how.tag === 'retry' }] : []
      }),
      deaths: passed.flatMap(([job, how]) =>
        how.tag === 'death' ? [{ job, reason: how.reason }] : [],
      ),
    })
    await added
    if (isLost) {
      expect(answer).toMatchObject({ tag: 'lost' })
      return this.forget(who)
    }
    if (answer.tag === 'lost') throw new Error(`${consumer.epoch} is lost, and held a lease`)
    const expected = this.model.settle(consumer.epoch, passed)
    const overdue = this.model.hasOverdue ? await this.findOverdue() : []
    // The ticket of a dead one may have become its dead letter.
    const buried = said.flatMap(([{ id, key }, { tag }]) => (key && tag === 'death' ? [id] : []))
    const staleIds = answer.staleIds.filter((id) => !buried.includes(id))
    this.compare({ ...answer, staleIds }, expected, { want, overdue })
    this.model.claimed(
      consumer.epoch,
      answer.jobs.map(({ id }) => id),
      overdue,
    )
    for (const { id } of answer.jobs) this.fences.set(id, answer.fence)
    const settled = new Set(said.map(([{ id }]) => id))
    this.gone.push(...who.held.filter(({ id, key }) => settled.has(id) && key === undefined))
    who.held = [...who.held.filter(({ id }) => !settled.has(id)), ...answer.jobs]
    who.last = answer
    await this.open(consumer.epoch, answer)
    // A client may have known an old bucket.
    if (answer.more && !this.isUndecided) await this.exchange(who, want - answer.jobs.length, [])
  }

  /** Jobs of keys end before their tickets do, which are acknowledged then. */
  private async closeKeyed(who: Player, said: Said): Promise<Said> {
    const passed: Said = []
    for (const [job, how] of said) {
      const { id, key, attempt } = job
      const isEnd = how.tag === 'ack' || how.tag === 'death'
      if (key === undefined || !isEnd) passed.push([job, how])
      else {
        const reason = how.tag === 'death' ? how.reason : null
        const ending = { id, key, attempt, reason, fence: this.fences.get(id) ?? 0 }
        const close = () => who.client.queue.closeStrands(this.queue, [ending])
        expect(await close()).toEqual(['closed'])
        this.model.closeKeyed(who.consumer?.epoch ?? '', id, reason)
        expect(await close()).toEqual(['closed'])
        passed.push([job, { tag: 'ack' }])
      }
    }
    return passed
  }

  /** An older delivery than the one that counts; of what is no more it changes nothing. */
  private async closeLate({ id, key = '', attempt }: StoredJob): Promise<void> {
    const ending = { id, key, attempt, reason: null, fence: (this.fences.get(id) ?? 0) - 1 }
    const verdict = await this.opened.first.queue.closeStrands(this.queue, [ending])
    expect(verdict).toEqual([this.model.has(id) ? 'stale' : 'closed'])
  }

  /** What is to be run of the keys whose tickets were claimed. */
  private async open(
    epoch: string,
    { jobs, fence }: ExchangeAnswer & { tag: 'ok' },
  ): Promise<void> {
    const tickets = jobs.flatMap(({ id, key }) => (key === undefined ? [] : [{ id, key }]))
    if (tickets.length === 0) return
    const openings = await this.opened.first.queue.openStrands(this.queue, fence, tickets)
    expect(openings.map((opening) => ({ ...opening, history: undefined }))).toEqual(
      tickets.map(({ id }) => ({ tag: 'run', payload: this.model.jobOf(epoch, id)?.payload })),
    )
  }

  /** Those that this call buried, as they were claimed too late. */
  private async findOverdue(): Promise<string[]> {
    const dead = await this.opened.first.queue.listDead(this.queue, 100)
    const fresh = dead.slice(this.model.dead.length)
    return fresh.filter(({ reason }) => reason === OVERDUE).map(({ id }) => id)
  }

  private compare(
    answer: ExchangeAnswer & { tag: 'ok' },
    expected: Expected,
    { want, overdue }: { want: number; overdue: string[] },
  ): void {
    expect(answer.staleIds.toSorted()).toEqual(expected.staleIds.toSorted())
    if (!answer.more) expect(answer.nextDueMs).toBe(expected.nextDueMs)
    expect(answer.watch).toBe(expected.watch)
    expect(answer.jobs).toEqual(answer.jobs.map(({ id }) => this.model.toldOf(id)))
    expectClaim(answer, expected, { want, overdue })
    if (answer.jobs.length === 0) return
    expect(answer.fence).toBeGreaterThan(this.fence)
    this.fence = answer.fence
  }

  /** Those of keys and others go one after the other, so a call may stop between them. */
  private async redrive(limit: number): Promise<void> {
    const { queue } = this.opened.first
    const count = this.model.redrive(limit)
    for (let left = count; left > 0; ) {
      const redriven = await queue.redrive(this.queue, left)
      expect(redriven).toBeGreaterThan(0)
      left -= redriven
    }
    if (count < limit) expect(await queue.redrive(this.queue, limit - count)).toBe(0)
  }

  private async drain(): Promise<void> {
    const drain = () => this.opened.first.queue.drain(this.queue, 100)
    let drained = 0
    for (let count = await drain(); count > 0; count = await drain()) drained += count
    expect(drained).toBe(this.model.drain())
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
