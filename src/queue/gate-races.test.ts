// Races of jobs that wait for a gate, as the tests of other queues name them: who holds it is lost, who keeps it dies, who comes
// back too late gives up what is another's by now.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GateAsker } from '../../test/asker.ts'
import { engines, type OpenedEngine } from '../../test/engines.ts'
import { gate, gone, refusal } from '../../test/faults.ts'
import type { Gates } from '../gate/gate.ts'
import { openGates } from '../gates.ts'
import { openLimits } from '../limit/open.ts'
import { openLocks, openReadWriteLocks } from '../lock/open.ts'
import { openSemaphores } from '../semaphore/open.ts'
import { type FaultPlan, faulty } from '../testing/faulty.ts'
import type { Queues } from './api.ts'
import { Consumer, newJob } from './bench.contract.ts'
import { openQueueStore } from './open.ts'
import { DEFAULT_LEASE_MS } from './options.ts'
import { createQueues } from './queue.ts'
import type { QueueStore, StoredJob } from './store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const LETTERS = [...'ABCDEFGHIJK']
const TTL_MS = 10_000
/** A gate is looked at again by then, whoever died. */
const LOOKED_AT_MS = 5_000
const turn = () => new Promise((resolve) => setImmediate(resolve))
const silent = { info() {}, warn() {}, error() {} }

/** Who is in, who has ever been, and how many at most at one time. */
function watching() {
  const inside: string[] = []
  const seen: string[] = []
  let most = 0
  return {
    inside,
    seen,
    most: () => most,
    async stay(name: string, until: Promise<unknown> = turn().then(turn).then(turn)) {
      inside.push(name)
      seen.push(name)
      most = Math.max(most, inside.length)
      try {
        await until
      } finally {
        inside.splice(inside.indexOf(name), 1)
      }
    },
  }
}

describe.each(engines)('jobs behind a gate on $name', { timeout: 60_000 }, ({ open }) => {
  let opened: OpenedEngine
  let kinds: ReturnType<typeof kindsOf>
  let gates: Gates
  let parties: Queues[]

  function kindsOf({ engine }: OpenedEngine) {
    return {
      locks: openLocks(engine),
      readWriteLocks: openReadWriteLocks(engine),
      semaphores: openSemaphores(engine),
      limits: openLimits(engine),
    }
  }

  beforeEach(async () => {
    opened = await open()
    opened.clock.settleWith(() => opened.idle())
    kinds = kindsOf(opened)
    gates = openGates(kinds)
    parties = []
  })

  afterEach(async () => {
    await passing(Promise.all(parties.map((queues) => queues.close({ timeout: 0 }))))
    for (const kind of Object.values(kinds)) await kind.close()
    await opened.close()
  })

  /** The queues of one process, whose calls of queues may fail. */
  function party(plan: FaultPlan<QueueStore> = () => undefined): Queues {
    const store = faulty(openQueueStore(opened.engine), plan)
    const name = `party-${parties.length + 1}:1:a`
    const queues = createQueues(store, opened.clock, name, 2_000, silent, null, gates)
    parties.push(queues)
    return queues
  }

  /** Lets time pass until it is done. */
  async function passing<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = work.finally(() => {
      isDone = true
    })
    done.catch(() => {})
    while (!isDone) {
      await opened.clock.advance(100)
      await turn()
    }
    return done
  }

  const plain = () => kinds.locks.lock('record')
  const isTaken = async () => {
    const lease = await plain().tryAcquire()
    await lease?.release()
    return lease === null
  }
  const counts = () => opened.first.queue.counts('q')

  /** By then of the engine's time. How long it takes to be seen here is another matter. */
  async function within(ms: number, check: () => unknown, wanted: unknown): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) await opened.clock.advance(250)
    await expect.poll(check).toEqual(wanted)
  }

  /** A process that will never do anything again: it has claimed, and parked behind the lock what it may. */
  async function deadWorker(payloads: string[], held = 0): Promise<StoredJob[]> {
    const { queue, clientId } = await opened.second()
    const jobs = payloads.map((payload) => newJob(JSON.stringify(payload)))
    await queue.add({ queue: 'q', producer: `${clientId}.1`, sequence: 1, jobs })
    const consumer = new Consumer({ queue, clientId }, 'q', 'dead')
    const claimed = await consumer.claim(payloads.length)
    const { key, terms, demand } = gates.lock('record', TTL_MS)
    const parks = claimed
      .slice(held)
      .map(({ id }) => ({ id, gate: key, terms, demand, turnOf: null }))
    await consumer.park(parks)
    return claimed
  }

  /** Another process, as a job or as a caller, that asks by itself. */
  async function asker(kind?: 'job') {
    const { lock, clientId } = await opened.second()
    return new GateAsker(`${clientId}.${kind ?? 'caller'}`, lock, { fair: true }, '', kind)
  }

  it.each([
    ['at once', () => ({})],
    ['at different times', (index: number) => ({ delay: 200 + 10 * index })],
  ])(
    'run one at a time, each once, whoever of three workers has them, added %s',
    async (_, how) => {
      const { most, seen, stay } = watching()
      for (const queues of [party(), party(), party()]) {
        const queue = queues.queue<string>('q', { lock: 'record' })
        queue.work(({ data }) => stay(data), { concurrency: 2 })
      }
      const queue = party().queue<string>('q')
      for (const [index, letter] of LETTERS.entries()) await queue.add(letter, how(index))
      await opened.clock.advance(500)
      await expect.poll(counts).toEqual(NOWHERE)
      expect(seen.toSorted()).toEqual(LETTERS)
      expect(most()).toBe(1)
    },
  )

  it('take the one slot that is free again one after the other, while those that began before go on', async () => {
    const { most, seen, inside, stay } = watching()
    const ends = new Map(['A', 'B', 'C'].map((letter) => [letter, gate()]))
    const queue = party().queue<string>('q', { concurrency: { total: 3 } })
    queue.work(({ data }) => stay(data, ends.get(data)?.opened), { concurrency: 10 })
    await queue.addMany(['A', 'B', 'C'])
    await expect.poll(() => inside.length).toBe(3)
    await queue.addMany(['D', 'E', 'F', 'G', 'H'])
    await expect.poll(counts).toEqual({ ...NOWHERE, inFlight: 3, parked: 5 })
    ends.get('A')?.open()
    await expect.poll(counts).toEqual({ ...NOWHERE, inFlight: 2 })
    expect(seen.slice(3)).toEqual(['D', 'E', 'F', 'G', 'H'])
    expect(most()).toBe(3)
    for (const { open } of ends.values()) open()
    await expect.poll(counts).toEqual(NOWHERE)
  })

  it('go on in their order where some of them fail, and none of these again', async () => {
    const { most, seen, stay } = watching()
    const queue = party().queue<string>('q', { lock: 'record', attempts: 1 })
    queue.work(async ({ data }) => {
      await stay(data)
      if ('ACE'.includes(data)) throw new Error('on purpose')
    })
    await queue.addMany(LETTERS)
    await expect.poll(counts).toEqual({ ...NOWHERE, dead: 3 })
    expect(seen).toEqual(LETTERS)
    expect(most()).toBe(1)
    expect(await isTaken()).toBe(false)
  })

  it('do not wait behind a free gate for longer than 5 s when who would have let them in is dead', async () => {
    await deadWorker(LETTERS)
    const { most, seen, stay } = watching()
    const queue = party().queue<string>('q', { lock: 'record' })
    queue.work(({ data }) => stay(data))
    await within(LOOKED_AT_MS, counts, NOWHERE)
    expect(seen).toEqual(LETTERS)
    expect(most()).toBe(1)
  })

  it('do not wait for longer when it was handed to one who is dead', async () => {
    const caller = await asker()
    await caller.take('record')
    await deadWorker(LETTERS)
    const dead = await asker('job')
    await dead.join('record')
    await caller.release('record')
    const { seen, stay } = watching()
    const queue = party().queue<string>('q', { lock: 'record' })
    queue.work(({ data }) => stay(data))
    await within(LOOKED_AT_MS, counts, NOWHERE)
    expect(seen).toEqual(LETTERS)
  })

  it('run once the permit of one who is dead is over', async () => {
    const { semaphore, clientId } = await opened.second()
    const demand = { weight: 1, permits: 1, solo: false }
    await new GateAsker(`${clientId}.dead`, semaphore, demand).take('record', TTL_MS)
    const { most, seen, stay } = watching()
    const need = { name: 'record', permits: 1 }
    for (const queues of [party(), party()]) {
      queues.queue<string>('q', { semaphore: need }).work(({ data }) => stay(data))
    }
    await party().queue<string>('q').addMany(LETTERS)
    await expect.poll(counts).toEqual({ ...NOWHERE, parked: 11 })
    await opened.clock.advance(TTL_MS - 1_000)
    expect(seen).toEqual([])
    await within(1_000 + LOOKED_AT_MS, counts, NOWHERE)
    expect(seen.toSorted()).toEqual(LETTERS)
    expect(most()).toBe(1)
  })

  it.each([
    ['right after all others were killed', 0],
    ['long after', 600_000],
  ])(
    'run when a process starts %s, though one held the gate and others were parked',
    async (_, laterMs) => {
      await (await asker('job')).take('record')
      await deadWorker(LETTERS, 1)
      await opened.clock.advance(laterMs)
      const { most, seen, stay } = watching()
      const queue = party().queue<string>('q', { lock: 'record' })
      queue.work(({ data }) => stay(data))
      // After so long a silence the store counts the leases of the dead anew.
      await within(DEFAULT_LEASE_MS + LOOKED_AT_MS, counts, NOWHERE)
      expect(seen.toSorted()).toEqual(LETTERS)
      expect(most()).toBe(1)
    },
  )

  it('are not parked behind themselves: what goes back as its worker closes runs in the next one', async () => {
    const { seen, stay } = watching()
    const first = party().queue<string>('q', { lock: 'record' })
    const worker = first.work(({ data }) => stay(data, gate().opened), { concurrency: 1 })
    await first.add('A')
    await first.add('B')
    await expect.poll(() => seen).toEqual(['A'])
    await passing(worker.close({ timeout: 0 }))
    expect(await isTaken()).toBe(false)
    expect(await counts()).toMatchObject({ inFlight: 0 })
    const attempts: [string, number][] = []
    const next = party().queue<string>('q', { lock: 'record' })
    next.work(({ data, attempt }) => void attempts.push([data, attempt]))
    await within(LOOKED_AT_MS, counts, NOWHERE)
    expect(attempts.toSorted()).toEqual([
      ['A', 1],
      ['B', 1],
    ])
  })

  describe('whose worker was given up for dead and comes back', () => {
    /** It runs the first one, has no news of its lease, and another worker has the first one again. */
    async function overtaken(end: Promise<void>) {
      const state = { isCut: false }
      const here = party(({ method }) =>
        state.isCut && method === 'exchange' ? { refuseWith: refusal() } : undefined,
      )
      const there = party()
      const late = watching()
      const { seen, inside, stay, most } = watching()
      const signals: AbortSignal[] = []
      const options = { lock: 'record', attempts: 1 }
      const worker = here.queue<string>('q', options).work(
        ({ data, signal }) => {
          signals.push(signal)
          return late.stay(data, end)
        },
        { lease: '4s', concurrency: 1 },
      )
      await here.queue<string>('q').add('A')
      await expect.poll(() => late.inside).toEqual(['A'])
      state.isCut = true
      const going = gate()
      there
        .queue<string>('q', options)
        .work(({ data }) => stay(data, going.opened), { lease: '4s', concurrency: 5 })
      await there.queue<string>('q').addMany(['B', 'C'])
      await opened.clock.advance('10s')
      state.isCut = false
      await within(LOOKED_AT_MS, () => inside.length, 1)
      return { worker, late, seen, inside, most, going, signals }
    }

    it.each([
      ['ends its job', (end: ReturnType<typeof failing>) => end.open()],
      ['fails', (end: ReturnType<typeof failing>) => end.fail()],
    ])('gives up nothing of who has the gate now when it %s', async (_, finish) => {
      const end = failing()
      const { late, seen, inside, most, going, signals } = await overtaken(end.promise)
      expect(signals[0]?.aborted).toBe(true)
      const [begun] = inside
      finish(end)
      await expect.poll(() => late.inside).toEqual([])
      await opened.clock.advance('1s')
      expect(await isTaken()).toBe(true)
      expect(inside).toEqual([begun])
      expect(late.seen).toEqual(['A'])
      going.open()
      await expect.poll(counts).toEqual(NOWHERE)
      expect(seen.toSorted()).toEqual(['A', 'B', 'C'])
      expect(most()).toBe(1)
    })

    it('gives back nothing when it closes, and none runs twice for it', async () => {
      const { worker, seen, inside, most, going } = await overtaken(gate().opened)
      const [begun] = inside
      await passing(worker.close({ timeout: 0 }))
      expect(await isTaken()).toBe(true)
      expect(inside).toEqual([begun])
      going.open()
      await expect.poll(counts).toEqual(NOWHERE)
      expect(seen.toSorted()).toEqual(['A', 'B', 'C'])
      expect(most()).toBe(1)
    })

    it('has ended its job for good where it said so in time, though it was never answered', async () => {
      const state = { isLost: false }
      const here = party(({ method, args }) => {
        if (method !== 'exchange') return undefined
        if (state.isLost) return { refuseWith: refusal() }
        state.isLost = args[0].acks.length > 0
        return state.isLost ? { loseReplyWith: gone() } : undefined
      })
      const end = gate()
      const early = watching()
      here
        .queue<string>('q', { lock: 'record' })
        .work(({ data }) => early.stay(data, end.opened), { lease: '4s', concurrency: 1 })
      await here.queue<string>('q').add('A')
      await expect.poll(() => early.inside).toEqual(['A'])
      const { most, seen, stay } = watching()
      const there = party().queue<string>('q', { lock: 'record' })
      there.work(({ data }) => stay(data), { lease: '4s' })
      await there.addMany(['B', 'C'])
      await expect.poll(counts).toEqual({ ...NOWHERE, inFlight: 1, parked: 2 })
      end.open()
      await within(10_000, counts, NOWHERE)
      expect(early.seen).toEqual(['A'])
      expect(seen).toEqual(['B', 'C'])
      expect(most()).toBe(1)
    })
  })

  it('are let in one at a time, however often and late one of them is settled', async () => {
    const queue = party().queue<string>('q', { lock: 'record' })
    await queue.addMany(['A', 'B', 'C'])
    const [first] = await queue.take({ wait: '1s' })
    const next = queue.take({ max: 3, wait: '1m' })
    const ends = await Promise.allSettled([first?.ack(), first?.ack(), first?.fail('no')])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    const taken = await next
    expect(taken.map(({ data }) => data)).toEqual(['B'])
    await expect(first?.ack()).rejects.toMatchObject({ code: 'SLUICE_STALE_DELIVERY' })
    expect(await isTaken()).toBe(true)
    await expect.poll(counts).toEqual({ ...NOWHERE, inFlight: 1, parked: 1 })
    // Taken away, it is somebody else's when the job ends.
    await plain().forceRelease({ reason: 'a test' })
    const caller = await passing(plain().acquire({ wait: '1m' }))
    await taken[0]?.ack()
    expect(await isTaken()).toBe(true)
    expect(caller.signal.aborted).toBe(false)
    await caller.release()
    const [last] = await passing(queue.take({ wait: '1m' }))
    expect(last?.data).toBe('C')
    await last?.ack()
    expect(await counts()).toEqual(NOWHERE)
  })
})

/** A promise that somebody resolves or rejects. */
function failing() {
  let open = () => {}
  let fail = () => {}
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = () => reject(new Error('on purpose'))
  })
  promise.catch(() => {})
  return { promise, open, fail }
}
