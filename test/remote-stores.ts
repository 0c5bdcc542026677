// Stores that live in another process: each call travels there and back.
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import type { Clock } from '../src/clock.ts'
import type { GateStore } from '../src/gate/store.ts'
import type { LimitStore } from '../src/limit/store.ts'
import type { LatchStore } from '../src/lock/latch-store.ts'
import type { LockStore } from '../src/lock/store.ts'
import type { QueueStore } from '../src/queue/store.ts'
import type { SemaphoreStore } from '../src/semaphore/store.ts'
import type { Client } from './engines.ts'

interface Item {
  tag: 'open' | 'close' | 'call' | 'listen' | 'unlisten'
  handle: number
  reply?: number
  store?: string
  method?: string
  args?: unknown[]
  listener?: number
}

interface Answer {
  reply?: number
  value?: unknown
  error?: Record<string, unknown> & { message: string }
  listener?: number
  told?: unknown[]
}

interface Pending {
  resolve: (value: never) => void
  reject: (error: Error) => void
}

interface RemoteEngine {
  client: Client
  /** Resolves when no call is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** The other process of a test file: it opens and closes an engine for each test. */
class StoreHost {
  private readonly child: ChildProcess
  private readonly pending = new Map<number, Pending>()
  private readonly listeners = new Map<number, (...told: unknown[]) => void>()
  private readonly idleListeners: (() => void)[] = []
  private batch: Item[] = []
  private lastNumber = 0
  private failure: Error | undefined

  constructor() {
    this.child = fork(path.join(import.meta.dirname, 'processes', 'store-host.js'), {
      serialization: 'advanced',
    })
    // The test that waits for an answer keeps this process alive; the channel need not.
    this.child.unref()
    this.child.channel?.unref()
    this.child.on('message', (answer: Answer) => this.take(answer))
    this.child.on('exit', (code) => this.end(new Error(`the other process ended with ${code}`)))
  }

  async open(file: string, clock: Clock, settings: object): Promise<RemoteEngine> {
    const handle = ++this.lastNumber
    const clientId = await this.ask<string>(clock, {
      tag: 'open',
      handle,
      args: [file, settings],
    })
    return {
      client: {
        clientId,
        lock: this.lockStore(clock, handle),
        latch: this.latchStore(clock, handle),
        semaphore: this.semaphoreStore(clock, handle, 'semaphore'),
        readWriteLock: this.semaphoreStore(clock, handle, 'readWriteLock'),
        queue: this.queueStore(clock, handle),
        limit: this.limitStore(clock, handle),
      },
      idle: () => this.idle(),
      close: () => this.ask<void>(clock, { tag: 'close', handle }),
    }
  }

  private async idle(): Promise<void> {
    while (this.pending.size > 0) {
      await new Promise<void>((resolve) => this.idleListeners.push(resolve))
    }
  }

  private gateStore<Demand>(clock: Clock, handle: number, store: string): GateStore<Demand> {
    const call = this.calling(clock, handle, store)
    return {
      acquire: (request) => call('acquire', request),
      renew: (request) => call('renew', request),
      release: (request) => call('release', request),
      leave: (request) => call('leave', request),
      onGrant: (tell) => this.listen(clock, handle, store, 'onGrant', [], tell),
      onForced: (tell) => this.listen(clock, handle, store, 'onForced', [], tell),
      onDoubt: (tell) => this.listen(clock, handle, store, 'onDoubt', [], tell),
      resetSince: () => null,
    }
  }

  private lockStore(clock: Clock, handle: number): LockStore {
    const call = this.calling(clock, handle, 'lock')
    return {
      ...this.gateStore(clock, handle, 'lock'),
      forceRelease: (request) => call('forceRelease', request),
      describe: (request) => call('describe', request),
      raiseFence: (request) => call('raiseFence', request),
      inspect: (name) => call('inspect', name),
      list: (limit) => call('list', limit),
    }
  }

  private latchStore(clock: Clock, handle: number): LatchStore {
    const call = this.calling(clock, handle, 'latch')
    return {
      arrive: (request) => call('arrive', request),
      watch: (request) => call('watch', request),
      inspect: (name) => call('inspect', name),
      onNews: (name, tell) => this.listen(clock, handle, 'latch', 'onNews', [name], tell),
    }
  }

  private semaphoreStore(clock: Clock, handle: number, store: string): SemaphoreStore {
    const call = this.calling(clock, handle, store)
    return {
      ...this.gateStore(clock, handle, store),
      reweigh: (request) => call('reweigh', request),
      resize: (request) => call('resize', request),
      inspect: (name) => call('inspect', name),
      list: (limit) => call('list', limit),
    }
  }

  private queueStore(clock: Clock, handle: number): QueueStore {
    const call = this.calling(clock, handle, 'queue')
    return {
      mostAhead: 100,
      addBehind: null,
      add: (request) => call('add', request),
      checkDemand: (queue, demand) => call('checkDemand', queue, demand),
      confirm: (request) => call('confirm', request),
      exchange: (request) => call('exchange', request),
      renew: (queue, epoch, leaseMs) => call('renew', queue, epoch, leaseMs),
      agreePartitions: (queue, count) => call('agreePartitions', queue, count),
      counts: (queue) => call('counts', queue),
      listJobs: (queue, request) => call('listJobs', queue, request),
      listGates: (queue, request) => call('listGates', queue, request),
      listDead: (queue, limit) => call('listDead', queue, limit),
      redrive: (queue, limit) => call('redrive', queue, limit),
      purge: (queue, limit) => call('purge', queue, limit),
      drain: (queue, limit) => call('drain', queue, limit),
      obliterate: (queue, step) => call('obliterate', queue, step),
      pause: (queue) => call('pause', queue),
      resume: (queue) => call('resume', queue),
      list: (limit) => call('list', limit),
      passWake: (queue) => call('passWake', queue),
      addNamed: (request) => call('addNamed', request),
      addWithin() {
        throw new Error('a transaction lives in one process')
      },
      keepingEvents() {
        throw new Error('what happens is told by the first client')
      },
      retaining() {
        throw new Error('what is done is kept by the first client')
      },
      readEvents: (queue, from) => call('readEvents', queue, from),
      openRecords: (request) => call('openRecords', request),
      closeRecords: (request) => call('closeRecords', request),
      addKeyed: (request) => call('addKeyed', request),
      openStrands: (queue, fence, tickets) => call('openStrands', queue, fence, tickets),
      closeStrands: (queue, endings) => call('closeStrands', queue, endings),
      park: (request) => call('park', request),
      unpark: (request) => call('unpark', request),
      keepGates: (queue, keeper, gates) => call('keepGates', queue, keeper, gates),
      yieldGates: (queue, keeper, gates) => call('yieldGates', queue, keeper, gates),
      parkedBefore: (queue, gate, id) => call('parkedBefore', queue, gate, id),
      noteRecord: (...args) => call('noteRecord', ...args),
      findCancelling: (...args) => call('findCancelling', ...args),
      readRecord: (...args) => call('readRecord', ...args),
      watchRecord: (...args) => call('watchRecord', ...args),
      cancelRecord: (...args) => call('cancelRecord', ...args),
      changeRecord: (...args) => call('changeRecord', ...args),
      readSchedule: (...args) => call('readSchedule', ...args),
      listSchedules: (...args) => call('listSchedules', ...args),
      putSchedule: (request) => call('putSchedule', request),
      emitSlots: (request) => call('emitSlots', request),
      removeSchedule: (...args) => call('removeSchedule', ...args),
      onRecordNews: (queue, name, tell) =>
        this.listen(clock, handle, 'queue', 'onRecordNews', [queue, name], tell),
      onEventNews: (queue, tell) =>
        this.listen(clock, handle, 'queue', 'onEventNews', [queue], tell),
      onWake: (queue, tell) => this.listen(clock, handle, 'queue', 'onWake', [queue], tell),
    }
  }

  private limitStore(clock: Clock, handle: number): LimitStore {
    const call = this.calling(clock, handle, 'limit')
    return {
      take: (request) => call('take', request),
      takeTimes: (request, times) => call('takeTimes', request, times),
      takeSeveral: (request) => call('takeSeveral', request),
      takeAtMost: (request) => call('takeAtMost', request),
      takeTogether: (request) => call('takeTogether', request),
      reserve: (request) => call('reserve', request),
      cancel: (request) => call('cancel', request),
      penalize: (request) => call('penalize', request),
      block: (request) => call('block', request),
      renewLeases: (request) => call('renewLeases', request),
      releaseLeases: (request) => call('releaseLeases', request),
      onDoubt: () => () => {},
      resetSince: () => null,
      reset: (request) => call('reset', request),
      list: (limit) => call('list', limit),
    }
  }

  private calling(clock: Clock, handle: number, store: string) {
    return <T>(method: string, ...args: unknown[]): Promise<T> =>
      this.ask<T>(clock, { tag: 'call', handle, store, method, args })
  }

  private listen<Told extends unknown[]>(
    clock: Clock,
    handle: number,
    store: string,
    method: string,
    args: unknown[],
    tell: (...told: Told) => void,
  ): () => void {
    const listener = ++this.lastNumber
    this.listeners.set(listener, tell as (...told: unknown[]) => void)
    this.post(clock, { tag: 'listen', handle, store, method, args, listener })
    return () => {
      this.listeners.delete(listener)
      this.post(clock, { tag: 'unlisten', handle, listener })
    }
  }

  private ask<T>(clock: Clock, item: Item): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.failure) return reject(this.failure)
      const reply = ++this.lastNumber
      this.pending.set(reply, { resolve, reject })
      this.post(clock, { ...item, reply })
    })
  }

  /** Calls of one tick go in one message, so that they are calls of one tick over there too. */
  private post(clock: Clock, item: Item): void {
    this.batch.push(item)
    if (this.batch.length > 1) return
    process.nextTick(() => {
      const items = this.batch
      this.batch = []
      const time = {
        monotonicMs: clock.monotonicMs(),
        wallMs: clock.wallMs(),
        storeUs: clock.storeUs(),
      }
      if (this.child.connected) this.child.send({ time, items })
    })
  }

  private take({ reply, value, error, listener, told = [] }: Answer): void {
    if (listener !== undefined) this.listeners.get(listener)?.(...told)
    const pending = this.pending.get(reply ?? 0)
    if (!pending) return
    this.pending.delete(reply ?? 0)
    if (error) pending.reject(Object.assign(new Error(error.message), error))
    else pending.resolve(value as never)
    if (this.pending.size === 0) this.tellIdle()
  }

  private tellIdle(): void {
    for (const tell of this.idleListeners.splice(0)) tell()
  }

  private end(error: Error): void {
    this.failure = error
    for (const { reject } of this.pending.values()) reject(error)
    this.pending.clear()
    this.tellIdle()
  }
}

let shared: StoreHost | undefined

export function storeHost(): StoreHost {
  shared ??= new StoreHost()
  return shared
}
