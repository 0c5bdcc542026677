import type { Gate, Gates } from '../gate/gate.ts'
import { gateKey } from '../gate/key.ts'
import type { LockNeed, ReadNeeds, ReadQueueNeeds } from './need-options.ts'
import { decodePayload, needsOf, withNeeds } from './payload.ts'

/** A gate, and who waits there: of those who take turns, the job's key; null where jobs wait in one line. */
export interface Need {
  gate: Gate
  turnOf: string | null
}

/** What the jobs of one queue need: what the queue says of each, and what they were added with. */
export class Needs {
  private readonly gates: Gates
  private readonly queue: string
  private readonly ttlMs: number
  private readonly ofQueue: ReadQueueNeeds
  private readonly isOfAll: boolean

  /** @param ttlMs lease of what they hold */
  constructor(gates: Gates, queue: string, ofQueue: ReadQueueNeeds, ttlMs: number) {
    this.gates = gates
    this.queue = queue
    this.ttlMs = ttlMs
    this.ofQueue = ofQueue
    const { lock, semaphore, limit, concurrency, rate } = ofQueue
    this.isOfAll =
      lock !== null ||
      semaphore !== null ||
      limit.length > 0 ||
      concurrency !== null ||
      rate !== null
  }

  /** Whether a job needs anything, as far as that can be told without reading it. */
  has(payload: string): boolean {
    return this.isOfAll || needsOf(payload) !== null
  }

  /**
   * Of each gate once, in the order in which all jobs ask: what is held before what is spent, each kind by its keys, and last what
   * is of this queue alone: the part of one key before that of all. Who has to wait for its own key only has then asked for
   * nothing that others want; the other way round each such job would take a place of all, and give it back, one call each.
   * @throws {ArgumentError} for what a function of the queue made of the data, and what it throws itself
   */
  of(payload: string): Need[] {
    const own = needsOf(payload)
    const shared = own === null ? [] : this.opened(own)
    const alone: Need[] = []
    if (this.isOfAll) {
      const data = decodePayload(payload) as never
      this.addOfData(data, shared)
      this.addOfQueueAlone(data, alone)
    }
    return shared.length === 1 && alone.length === 0 ? shared : inOrder(shared, alone)
  }

  /** @throws {ArgumentError} for terms of another version */
  open(terms: string): Gate {
    return this.gates.open(terms)
  }

  /** A payload with what its job was added with. */
  labelled(payload: string, { lock, semaphore, limit }: ReadNeeds): string {
    const gates = [
      ...lock.map((one) => this.lockGate(one)),
      ...semaphore.map(({ name, permits, weight }) =>
        this.gates.semaphore(name, permits, weight, this.ttlMs),
      ),
      ...limit.map(({ use, key, cost }) => this.gates.limit(use, key, cost)),
    ]
    if (gates.length === 0) return payload
    return withNeeds(payload, JSON.stringify(gates.map(({ terms, demand }) => [terms, demand])))
  }

  private opened(text: string): Need[] {
    const needs = JSON.parse(text) as [terms: string, demand: string][]
    return needs.map(([terms, demand]) => inOneLine(this.gates.open(terms, demand)))
  }

  private lockGate(need: LockNeed): Gate {
    if (typeof need === 'string') return this.gates.lock(need, this.ttlMs)
    return this.gates.readWriteLock(need.name, need.mode, this.ttlMs)
  }

  private addOfData(data: never, all: Need[]): void {
    const { gates, ttlMs } = this
    const { lock, semaphore, limit } = this.ofQueue
    if (lock) for (const one of lock(data)) all.push(inOneLine(this.lockGate(one)))
    if (semaphore) {
      for (const { name, permits, weight } of semaphore(data)) {
        all.push(inOneLine(gates.semaphore(name, permits, weight, ttlMs)))
      }
    }
    for (const need of limit) {
      const { use, key, cost } = need(data)
      all.push(inOneLine(gates.limit(use, key, cost)))
    }
  }

  private addOfQueueAlone(data: never, all: Need[]): void {
    const { gates, ttlMs } = this
    const { concurrency, rate } = this.ofQueue
    if (!concurrency && !rate) return
    const own = `queue:${this.queue.replaceAll('%', '%25').replaceAll(':', '%3A')}`
    const ofKey = concurrency?.perKey?.key(data) ?? null
    const rateOfKey = rate?.perKey?.key(data) ?? null
    if (concurrency?.perKey) {
      const { max } = concurrency.perKey
      all.push(inOneLine(gates.semaphore(`${own}:${ofKey}`, max, 1, ttlMs)))
    }
    if (concurrency?.total) {
      const gate = gates.semaphore(own, concurrency.total, 1, ttlMs)
      all.push({ gate, turnOf: turnOf(ofKey ?? rateOfKey) })
    }
    if (rate?.perKey) {
      const limiter = { name: `${own}:key`, rules: [rate.perKey.rule] }
      all.push(inOneLine(gates.limit(limiter, rateOfKey ?? '', 1)))
    }
    if (rate?.total) {
      const gate = gates.limit({ name: own, rules: [rate.total] }, 'all', 1)
      all.push({ gate, turnOf: turnOf(rateOfKey ?? ofKey) })
    }
  }
}

function inOrder(shared: Need[], alone: Need[]): Need[] {
  const needs = [...shared.sort((a, b) => (a.gate.key < b.gate.key ? -1 : 1)), ...alone]
  const byKey = new Map(needs.map((need) => [need.gate.key, need]))
  return [...byKey.values()].sort((a, b) => rankOf(a.gate) - rankOf(b.gate))
}

const inOneLine = (gate: Gate): Need => ({ gate, turnOf: null })
/** As short as the name of a gate: engines keep it beside that. */
const turnOf = (key: string | null) => (key === null ? null : gateKey('key', key))

const KINDS = ['lock', 'read-write-lock', 'semaphore', 'limit']
const rankOf = ({ key }: Gate) => KINDS.indexOf(key.slice(0, key.indexOf(':')))
