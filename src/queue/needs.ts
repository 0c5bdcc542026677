import { ArgumentError } from '../errors.ts'
import type { Acquirable, Gate, Gates, Pass } from '../gate/gate.ts'
import { escapePart, gateKey } from '../gate/key.ts'
import { describe } from '../text.ts'
import type { LockNeed, OnRetry, ReadNeeds, ReadQueueNeeds } from './need-options.ts'
import { decodePayload, needsOf, withNeeds } from './payload.ts'
import type { StoredJob } from './store.ts'

/** What a job was added with, in front of its payload. */
interface Said {
  gates: [terms: string, demand: string][]
  onRetry?: OnRetry
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
  of(payload: string): Gate[] {
    const [shared, alone] = this.partsOf(payload)
    return shared.length === 1 && alone.length === 0 ? shared : inOrder(shared, alone)
  }

  /** The same with what the job is to have besides, as its handler said. What it needs by itself is asked for as it says that. */
  with(payload: string, extras: readonly Gate[]): Gate[] {
    const [shared, alone] = this.partsOf(payload)
    const own = new Set([...shared, ...alone].map(({ key }) => key))
    return inOrder([...shared, ...extras.filter(({ key }) => !own.has(key))], alone)
  }

  /** Whose turn it is where a job waits for what is for all of its queue: its key. Null where jobs wait in one line. */
  turnOf(payload: string, gate: Gate): string | null {
    const keyOf = this.turnsAt(gate)
    // As short as the name of a gate: engines keep it beside that.
    return keyOf ? gateKey('key', keyOf(decodePayload(payload) as never)) : null
  }

  /** Whether the keys of jobs take turns at it. */
  takesTurns(gate: Gate): boolean {
    return this.turnsAt(gate) !== null
  }

  private turnsAt({ key }: Gate): ((data: never) => string) | null {
    const { concurrency, rate } = this.ofQueue
    const perKeys = [concurrency?.perKey, rate?.perKey]
    if (!perKeys[0] && !perKeys[1]) return null
    if (key === this.totalRate()?.key) perKeys.reverse()
    else if (key !== this.totalConcurrency()?.key) return null
    return (perKeys[0] ?? perKeys[1])?.key ?? null
  }

  /** @throws {ArgumentError} for terms of another version */
  open(terms: string): Gate {
    return this.gates.open(terms)
  }

  /** Of what a handler defers its job until. @throws {ArgumentError} for what jobs of this queue cannot wait for */
  behind(handle: Acquirable): Gate {
    const gate = this.gates.behind(handle, this.ttlMs)
    if (gate) return gate
    throw new ArgumentError('Defer.until', EXPECTED, describe(handle.name), HINT)
  }

  /** A payload with what its job was added with. */
  labelled(payload: string, { lock, semaphore, limit, onRetry }: ReadNeeds): string {
    const gates = [
      ...lock.map((one) => this.lockGate(one)),
      ...semaphore.map(({ name, permits, weight }) =>
        this.gates.semaphore(name, permits, weight, this.ttlMs),
      ),
      ...limit.map(({ use, key, cost }) => this.gates.limit(use, key, cost)),
    ]
    if (gates.length === 0 && onRetry === null) return payload
    const said: Said = { gates: gates.map(({ terms, demand }) => [terms, demand]) }
    if (onRetry !== null) said.onRetry = onRetry
    return withNeeds(payload, JSON.stringify(said))
  }

  /** What a job that failed keeps until it is tried again. */
  keptOf({ payload, passes = [] }: StoredJob): Pass[] {
    const said = needsOf(payload)
    const own: OnRetry | undefined = said === null ? undefined : (JSON.parse(said) as Said).onRetry
    const onRetry = own ?? this.ofQueue.onRetry
    return onRetry === 'keep' ? passes.filter((pass) => rankOf(pass) < SPENT) : []
  }

  /** What others may need as well, and what is of this queue alone. */
  private partsOf(payload: string): [shared: Gate[], alone: Gate[]] {
    const own = needsOf(payload)
    const shared = own === null ? [] : this.opened(own)
    const alone: Gate[] = []
    if (this.isOfAll) {
      const data = decodePayload(payload) as never
      this.addOfData(data, shared)
      this.addOfQueueAlone(data, alone)
    }
    return [shared, alone]
  }

  private opened(text: string): Gate[] {
    const { gates } = JSON.parse(text) as Said
    return gates.map(([terms, demand]) => this.gates.open(terms, demand))
  }

  private lockGate(need: LockNeed): Gate {
    if (typeof need === 'string') return this.gates.lock(need, this.ttlMs)
    return this.gates.readWriteLock(need.name, need.mode, this.ttlMs)
  }

  private addOfData(data: never, all: Gate[]): void {
    const { gates, ttlMs } = this
    const { lock, semaphore, limit } = this.ofQueue
    if (lock) for (const one of lock(data)) all.push(this.lockGate(one))
    if (semaphore) {
      for (const { name, permits, weight } of semaphore(data)) {
        all.push(gates.semaphore(name, permits, weight, ttlMs))
      }
    }
    for (const need of limit) {
      const { use, key, cost } = need(data)
      all.push(gates.limit(use, key, cost))
    }
  }

  private addOfQueueAlone(data: never, all: Gate[]): void {
    const { gates, ttlMs } = this
    const { concurrency, rate } = this.ofQueue
    if (!concurrency && !rate) return
    const own = this.ownName()
    if (concurrency?.perKey) {
      const { key, max } = concurrency.perKey
      all.push(gates.semaphore(`${own}:${key(data)}`, max, 1, ttlMs))
    }
    const inAll = this.totalConcurrency()
    if (inAll) all.push(inAll)
    if (rate?.perKey) {
      const { key, rule } = rate.perKey
      all.push(gates.limit({ name: `${own}:key`, rules: [rule] }, key(data), 1))
    }
    const ofAll = this.totalRate()
    if (ofAll) all.push(ofAll)
  }

  private totalConcurrency(): Gate | null {
    const total = this.ofQueue.concurrency?.total
    return total ? this.gates.semaphore(this.ownName(), total, 1, this.ttlMs) : null
  }

  private totalRate(): Gate | null {
    const total = this.ofQueue.rate?.total
    return total ? this.gates.limit({ name: this.ownName(), rules: [total] }, 'all', 1) : null
  }

  private ownName(): string {
    return `queue:${escapePart(this.queue)}`
  }
}

function inOrder(shared: Gate[], alone: Gate[]): Gate[] {
  const gates = [...shared.sort((a, b) => (a.key < b.key ? -1 : 1)), ...alone]
  const byKey = new Map(gates.map((gate) => [gate.key, gate]))
  return [...byKey.values()].sort((a, b) => rankOf(a) - rankOf(b))
}

const EXPECTED = 'a lock or a semaphore of the Sluice that the queue is of'
const HINT =
  'Jobs wait in the line of one engine: the nodes of a Redlock have none together, and another Sluice has another one.'
const KINDS = ['lock', 'read-write-lock', 'semaphore', 'limit']
/** Of what comes back with time alone. */
const SPENT = KINDS.indexOf('limit')
const rankOf = ({ key }: Pick<Gate, 'key'>) => KINDS.indexOf(key.slice(0, key.indexOf(':')))
