// What jobs can wait for, each kind of it on every engine: asked for as a job, beside plain callers.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GateAsker } from '../test/asker.ts'
import { engines, type OpenedEngine } from '../test/engines.ts'
import { watched } from '../test/faults.ts'
import { HOSTILE_NAMES } from '../test/hostile-names.ts'
import { ArgumentError, LockLostError } from './errors.ts'
import type { Gate, Gates, Pass } from './gate/gate.ts'
import { type GateStore, JOB_COUNTS_MS, type WaiterView } from './gate/store.ts'
import { openGates } from './gates.ts'
import { concurrency, fixedWindow, funnel, slidingLog } from './limit/index.ts'
import { openLimits } from './limit/open.ts'
import { openLocks, openReadWriteLocks } from './lock/open.ts'
import { LONGEST_GATE } from './queue/parking-store.ts'
import { openSemaphores } from './semaphore/open.ts'

const TTL_MS = 15_000
const PATIENT = { timeout: 5_000, interval: 5 }
const CLAIM_MS = 3_000
const SOON_MS = 50
/** Whom no grant reaches. */
const GONE = 'nowhere:1:000000000000'
const NOTE = { queue: 'emails' }
const ALL = 1_000_000

function kindsOf({ engine }: OpenedEngine) {
  const kinds = {
    locks: openLocks(engine),
    readWriteLocks: openReadWriteLocks(engine),
    semaphores: openSemaphores(engine),
    limits: openLimits(engine),
  }
  return { ...kinds, gates: openGates(kinds) }
}

/** Somebody who enters, and what is known of that. */
function entering(gate: Gate, demand = gate.demand) {
  const controller = new AbortController()
  let told = 0
  const entered = gate.enter({
    ...{ kind: 'job', demand, metadata: JSON.stringify(NOTE), signal: controller.signal },
    get aborted() {
      return controller.signal.aborted
    },
    onWaiting: () => {
      told++
    },
  })
  return { entered, state: watched(entered), told: () => told, abort: () => controller.abort() }
}

async function passOf(entry: ReturnType<typeof entering>): Promise<Pass> {
  const pass = await entry.entered
  if (!pass) throw new Error('nobody was let in')
  return pass
}

describe.each(engines)('gates on $name', ({ label, open }) => {
  let opened: OpenedEngine
  let kinds: ReturnType<typeof kindsOf>
  let gates: Gates

  beforeEach(async () => {
    opened = await open()
    opened.clock.settleWith(() => opened.idle())
    kinds = kindsOf(opened)
    gates = kinds.gates
  })

  afterEach(async () => {
    const { locks, readWriteLocks, semaphores, limits } = kinds
    for (const kind of [locks, readWriteLocks, semaphores, limits]) await kind.close()
    await opened.close()
  })

  /** One of another process, as a job if that is gone. */
  function askerOf<Demand>(clientId: string, store: GateStore<Demand>, demand: Demand) {
    return new GateAsker(
      `${clientId}.9000`,
      store,
      demand,
      '',
      clientId === GONE ? 'job' : undefined,
    )
  }

  /** The kinds that are held: how one needs all of it, and who of another process has it. */
  const held = [
    {
      kind: 'lock',
      gate: () => gates.lock('a', TTL_MS),
      key: 'lock:a',
      words: 'held by ',
      hasFence: true,
      async other(as?: string) {
        const { lock, clientId } = await opened.second()
        return askerOf(as ?? clientId, lock, { fair: true })
      },
      waiters: async () => (await opened.first.lock.inspect('a')).waiters,
      remainingMs: async () => (await opened.first.lock.inspect('a')).holder?.remainingMs,
    },
    {
      kind: 'semaphore',
      gate: () => gates.semaphore('a', 2, 2, TTL_MS),
      key: 'semaphore:a',
      words: '2 of 2 permits held by ',
      hasFence: false,
      async other(as?: string) {
        const { semaphore, clientId } = await opened.second()
        const demand = { weight: 2, permits: 2, solo: false }
        return askerOf(as ?? clientId, semaphore, demand)
      },
      waiters: async () => (await opened.first.semaphore.inspect('a')).waiters,
      remainingMs: async () => (await opened.first.semaphore.inspect('a')).holders[0]?.remainingMs,
    },
    {
      kind: 'read-write lock',
      gate: () => gates.readWriteLock('a', 'write', TTL_MS),
      key: 'read-write-lock:a',
      words: 'written by ',
      hasFence: true,
      async other(as?: string) {
        const { readWriteLock, clientId } = await opened.second()
        const demand = { weight: ALL, permits: ALL, solo: false }
        return askerOf(as ?? clientId, readWriteLock, demand)
      },
      waiters: async () => (await opened.first.readWriteLock.inspect('a')).waiters,
      remainingMs: async () =>
        (await opened.first.readWriteLock.inspect('a')).holders[0]?.remainingMs,
    },
  ]

  async function standing(one: { gate(): Gate; waiters(): Promise<WaiterView[]> }) {
    const before = (await one.waiters()).length
    const entry = entering(one.gate())
    await expect.poll(async () => (await one.waiters()).length, PATIENT).toBe(before + 1)
    await expect.poll(entry.told, PATIENT).toBe(1)
    return entry
  }

  describe.each(held)('a $kind', (one) => {
    it('that is free lets in at once, and nobody is told of waiting', async () => {
      const entry = entering(one.gate())
      const pass = await passOf(entry)
      expect(entry.told()).toBe(0)
      expect(pass.key).toBe(one.key)
      expect(pass.fence === null).toBe(!one.hasFence)
      expect(pass.signal?.aborted).toBe(false)
      expect(await one.remainingMs()).toBe(TTL_MS)
      await pass.release()
      expect(await one.remainingMs()).toBe(undefined)
    })

    it('that is taken is waited for as a job, told once, and is got from another process', async () => {
      const other = await one.other()
      await other.take('a', 60_000)
      const entry = await standing(one)
      expect(await one.waiters()).toMatchObject([{ kind: 'job', metadata: JSON.stringify(NOTE) }])
      await opened.clock.advance(JOB_COUNTS_MS + 2_000)
      expect(await one.waiters()).toHaveLength(1)
      expect(entry.state.isPending).toBe(true)
      await other.release('a')
      const pass = await passOf(entry)
      expect(entry.told()).toBe(1)
      await expect.poll(one.remainingMs, PATIENT).toBe(TTL_MS)
      await pass.release()
    })

    it('that was handed over to a job that is dead is got a claim lease later', async () => {
      const other = await one.other()
      await other.take('a', 60_000)
      await (await one.other(GONE)).join('a')
      const entry = await standing(one)
      await opened.clock.advance(1)
      await other.release('a')
      await opened.clock.advance(CLAIM_MS + SOON_MS)
      await expect.poll(() => entry.state.isPending, PATIENT).toBe(false)
      await (await passOf(entry)).release()
    })

    it('goes round among jobs, first come, first served, by release and by giving back', async () => {
      const first = await passOf(entering(one.gate()))
      const second = await standing(one)
      const third = await standing(one)
      await first.release()
      const next = await passOf(second)
      expect(third.state.isPending).toBe(true)
      if (one.hasFence) expect(next.fence).toBeGreaterThan(first.fence ?? 0)
      await next.giveBack()
      await (await passOf(third)).release()
      expect(await one.waiters()).toEqual([])
    })

    it('is left by who does not want it any more', async () => {
      const pass = await passOf(entering(one.gate()))
      const entry = await standing(one)
      entry.abort()
      expect(await entry.entered).toBe(null)
      await expect.poll(one.waiters, PATIENT).toEqual([])
      const late = entering(one.gate())
      late.abort()
      const early = new AbortController()
      early.abort()
      const asked = {
        kind: 'job',
        demand: one.gate().demand,
        metadata: '',
        onWaiting() {},
      } as const
      const gone = { ...asked, aborted: true, signal: early.signal }
      expect(await one.gate().enter(gone)).toBe(null)
      expect(await late.entered).toBe(null)
      await expect.poll(one.waiters, PATIENT).toEqual([])
      await pass.release()
    })

    it('that is lost aborts the signal of who runs by it', async () => {
      const pass = await passOf(entering(one.gate()))
      const signal = pass.signal as AbortSignal
      await opened.wipe()
      await opened.clock.advance(TTL_MS)
      await expect.poll(() => signal.aborted, PATIENT).toBe(true)
      expect(signal.reason).toBeInstanceOf(LockLostError)
      await pass.release()
      await pass.giveBack()
    })

    it('is renewed while it is held', async () => {
      const pass = await passOf(entering(one.gate()))
      await opened.clock.advance(3 * TTL_MS)
      expect(pass.signal?.aborted).toBe(false)
      expect(await one.remainingMs()).toBeGreaterThan(0)
      await pass.release()
    })

    it('says who is in the way', async () => {
      expect(await one.gate().describe()).toEqual({ text: null, line: [] })
      const pass = await passOf(entering(one.gate()))
      const entry = await standing(one)
      const { text: words, line } = await one.gate().describe()
      const since = new Date(opened.clock.wallMs()).toISOString()
      expect(words).toMatch(/ by \S+ pid \d+ since /)
      expect(words).toContain(`${one.words}`)
      expect(words).toContain(` since ${since}`)
      expect(line).toMatchObject([{ kind: 'job', metadata: JSON.stringify(NOTE) }])
      await pass.release()
      await (await passOf(entry)).release()
    })

    it('is the same when it is made again from its terms', async () => {
      const pass = await passOf(entering(one.gate()))
      const { key, terms, demand, isShared } = one.gate()
      const again = kindsOf(opened).gates.open(terms, demand)
      expect(again).toMatchObject({ key, terms, demand, isShared })
      const entry = entering(gates.open(terms), demand)
      await expect.poll(entry.told, PATIENT).toBe(1)
      await pass.release()
      await (await passOf(entry)).release()
    })
  })

  it('a lock that is taken away by force aborts the signal with the reason', async () => {
    const pass = await passOf(entering(gates.lock('a', TTL_MS)))
    const lost = new Promise((resolve) => pass.signal?.addEventListener('abort', resolve))
    await kinds.locks.lock('a').forceRelease({ reason: 'stuck' })
    await opened.clock.advance(TTL_MS / 3)
    await lost
    expect(pass.signal?.reason).toMatchObject({ reason: 'forced' })
    await pass.release()
  })

  it('a lock goes from a plain caller of this process to a job and back', async () => {
    const lock = kinds.locks.lock('a')
    const lease = await lock.acquire()
    const entry = await standing({ ...held[0], gate: () => gates.lock('a', TTL_MS) } as never)
    const caller = lock.acquire({ wait: '1m' })
    await expect.poll(async () => (await lock.inspect()).waiters.length, PATIENT).toBe(2)
    expect((await lock.inspect()).waiters).toMatchObject([
      { kind: 'job', metadata: NOTE },
      { kind: 'caller' },
    ])
    await lease.release()
    const pass = await passOf(entry)
    expect(pass.fence).toBeGreaterThan(lease.fence)
    await pass.release()
    const last = await caller
    expect(last.fence).toBeGreaterThan(pass.fence ?? 0)
    await last.release()
  })

  it('a read-write lock lets readers in together, and a writer alone', async () => {
    const gate = gates.readWriteLock('a', 'read', TTL_MS)
    const [one, two] = [await passOf(entering(gate)), await passOf(entering(gate))]
    expect([one.fence, two.fence]).toEqual([null, null])
    const writer = entering(gate, 'write')
    await expect.poll(writer.told, PATIENT).toBe(1)
    expect((await gate.describe()).text).toMatch(/^read by .* and 1 other$/)
    await one.release()
    await two.release()
    const pass = await passOf(writer)
    expect(pass.fence).toBeGreaterThan(0)
    await pass.release()
  })

  it('a semaphore counts weights, and says that others agreed on another number', async () => {
    const gate = gates.semaphore('a', 3, 1, TTL_MS)
    const [one, two] = [await passOf(entering(gate)), await passOf(entering(gate, '2'))]
    const third = entering(gate)
    await expect.poll(third.told, PATIENT).toBe(1)
    const mismatch = entering(gates.semaphore('a', 4, 1, TTL_MS)).entered
    await expect(mismatch).rejects.toMatchObject({ code: 'SLUICE_SETTINGS_MISMATCH' })
    await two.release()
    for (const pass of [one, await passOf(third)]) await pass.release()
  })

  describe('a limit', () => {
    const minute = () => fixedWindow({ limit: 2, per: '1m' })
    const limiterOf = (name = 'mail') => kinds.limits.limiter(name, minute())
    const left = async (name = 'mail') => (await limiterOf(name).peek('k', { cost: 0 })).remaining

    it('is charged when it lets in, and given back by who did not run', async () => {
      const gate = gates.limit(limiterOf(), 'k', 2)
      const entry = entering(gate)
      const pass = await passOf(entry)
      expect(entry.told()).toBe(0)
      expect(pass).toMatchObject({ key: 'limit:mail:k', fence: null, signal: null })
      expect(await left()).toBe(0)
      await pass.giveBack()
      expect(await left()).toBe(2)
      await (await passOf(entering(gate))).release()
      expect(await left()).toBe(0)
    })

    it('gives back nothing that may have come back by itself', async () => {
      const limiter = kinds.limits.limiter('quick', funnel({ capacity: 2, leak: 1, per: '10s' }))
      const pass = await passOf(entering(gates.limit(limiter, 'k', 1)))
      await opened.clock.advance('10s')
      expect(await limiter.take('k', { cost: 2 })).toMatchObject({ allowed: true })
      await pass.giveBack()
      expect(await limiter.peek('k', { cost: 0 })).toMatchObject({ remaining: 0 })
    })

    it('is waited for until there is budget, and not a call before', async () => {
      const gate = gates.limit(limiterOf(), 'k', 1)
      for (const demand of ['1', '1']) await passOf(entering(gate, demand))
      const entry = entering(gate)
      await expect.poll(entry.told, PATIENT).toBe(1)
      expect(await gate.describe()).toEqual({ text: '0 of 2 left, again in 60000 ms', line: [] })
      await opened.clock.advance(59_999)
      expect(entry.state.isPending).toBe(true)
      await opened.clock.advance(1)
      await passOf(entry)
      expect(entry.told()).toBe(1)
      expect((await gate.describe()).text).toBe('1 of 2 left')
    })

    it('is not waited for any more by who aborts', async () => {
      const gate = gates.limit(limiterOf(), 'k', 2)
      await passOf(entering(gate))
      const entry = entering(gate)
      await expect.poll(entry.told, PATIENT).toBe(1)
      entry.abort()
      expect(await entry.entered).toBe(null)
      const early = entering(gate)
      early.abort()
      expect(await early.entered).toBe(null)
    })

    it('that was reset elsewhere lets in before its time', async () => {
      const limiter = kinds.limits.limiter('slow', fixedWindow({ limit: 1, per: '1d' }))
      const gate = gates.limit(limiter, 'k', 1)
      await passOf(entering(gate))
      const entry = entering(gate)
      await expect.poll(entry.told, PATIENT).toBe(1)
      await kindsOf(opened)
        .limits.limiter('slow', fixedWindow({ limit: 1, per: '1d' }))
        .reset('k')
      await opened.clock.advance('1m')
      await passOf(entry)
    })

    it('of several rules waits for all of them', async () => {
      const rules = [slidingLog({ limit: 1, per: '1s' }), fixedWindow({ limit: 2, per: '1m' })]
      const gate = gates.limit({ name: 'both', rules }, 'k', 1)
      await passOf(entering(gate))
      for (const waitMs of [1_000, 59_000]) {
        const entry = entering(gate)
        await expect.poll(entry.told, PATIENT).toBe(1)
        await opened.clock.advance(waitMs - 1)
        expect(entry.state.isPending).toBe(true)
        await opened.clock.advance(1)
        await passOf(entry)
      }
    })

    it('of a concurrency rule is a lease, which a job holds while it runs', async () => {
      const rules = [concurrency({ limit: 1 }), fixedWindow({ limit: 2, per: '1d' })]
      const gate = gates.limit({ name: 'held', rules }, 'k', 1)
      const pass = await passOf(entering(gate))
      expect(pass.signal?.aborted).toBe(false)
      const entry = entering(gate)
      await expect.poll(entry.told, PATIENT).toBe(1)
      await pass.giveBack()
      await opened.clock.advance('1s')
      const next = await passOf(entry)
      await next.release()
      await (await passOf(entering(gate))).release()
      expect((await gate.describe()).text).toMatch(/^0 of 2 left, again in /)
    })

    it('of a concurrency rule aborts the signal of who lost it', async () => {
      const gate = gates.limit({ name: 'held', rules: [concurrency({ limit: 1 })] }, 'k', 1)
      const pass = await passOf(entering(gate))
      await opened.wipe()
      await opened.clock.advance('30s')
      await expect.poll(() => pass.signal?.aborted, PATIENT).toBe(true)
      await pass.release()
    })

    it('is asked by the limiter that the user has, also when it is opened again', async () => {
      const limiter = kinds.limits.limiter('shown', minute(), { shadow: true })
      const gate = gates.limit(limiter, 'k', 2)
      for (const one of [gate, gates.open(gate.terms, '2'), gate]) {
        const pass = await passOf(entering(one))
        if (one !== gate) await pass.giveBack()
      }
      expect(await left('shown')).toBe(0)
      const elsewhere = entering(kindsOf(opened).gates.open(gate.terms))
      await expect.poll(elsewhere.told, PATIENT).toBe(1)
      elsewhere.abort()
      await elsewhere.entered
    })

    it('is the same limit when another process makes it from its terms', async () => {
      const tag = (key: string) => `tenant ${key.split('/')[0]}`
      const rules = [minute(), funnel({ capacity: 5, leak: 0.5, per: '1h' })]
      const limiter = kinds.limits.limiter('mail', rules, { tag })
      const gate = gates.limit(limiter, 't7/anna', 1)
      await passOf(entering(gate))
      const again = kindsOf(opened).gates.open(gate.terms, gate.demand)
      expect(again).toMatchObject({ key: gate.key, terms: gate.terms, demand: gate.demand })
      await passOf(entering(again))
      const [here, there] = [entering(gate), entering(again)]
      for (const entry of [here, there]) {
        await expect.poll(entry.told, PATIENT).toBe(1)
        entry.abort()
      }
    })

    it('is refused for a cost that never fits: the job may be buried with what it says', () => {
      const cost = () => gates.limit(limiterOf(), 'k', 3)
      expect(cost).toThrow(ArgumentError)
      expect(cost).toThrow(
        /1 to 2, all that limiter "mail" allows at once, received "3"\. Add the job/,
      )
    })

    it('of another Sluice, or of none, is refused', () => {
      const stranger = kindsOf(opened).limits.limiter('mail', minute())
      for (const limiter of [stranger, { name: 'x', take: async () => ({}) }]) {
        expect(() => gates.limit(limiter, 'k', 1)).toThrow(/a limiter of the same Sluice/)
      }
      const copy = { name: 'x', rules: [{ ...minute() }] }
      expect(() => gates.limit(copy, 'k', 1)).toThrow(ArgumentError)
    })

    it('that waits ends with the Sluice', async () => {
      const gate = gates.limit(limiterOf(), 'k', 2)
      await passOf(entering(gate))
      const entry = entering(gate)
      await expect.poll(entry.told, PATIENT).toBe(1)
      await kinds.limits.close()
      await expect(entry.entered).rejects.toMatchObject({ code: 'SLUICE_CLOSED' })
    })
  })

  it('what can never be had is refused when it is asked for, and waits for nothing', async () => {
    const limiter = kinds.limits.limiter('mail', fixedWindow({ limit: 2, per: '1m' }))
    const wrong = [
      ...['', '0', '2', 'read', '01'].map((demand) => [gates.lock('a', TTL_MS), demand] as const),
      ...['', '1', 'upgradable'].map(
        (demand) => [gates.readWriteLock('a', 'read', TTL_MS), demand] as const,
      ),
      ...['', '0', '4', '-1', '1.5', '1e0', '9'.repeat(30)].map(
        (demand) => [gates.semaphore('a', 3, 1, TTL_MS), demand] as const,
      ),
      ...['', '0', '3', '-1', '1.5', '9'.repeat(30)].map(
        (demand) => [gates.limit(limiter, 'k', 1), demand] as const,
      ),
    ]
    for (const [gate, demand] of wrong) {
      const entry = entering(gate, demand)
      await expect(entry.entered).rejects.toMatchObject({ argument: 'gate.demand' })
      expect(entry.told()).toBe(0)
      expect(() => gates.open(gate.terms, demand)).toThrow(ArgumentError)
    }
    expect((await opened.dump()).filter((line) => line.includes('mail'))).toEqual([])
  })

  it('hostile names are each a gate of its own, the same in every process', async () => {
    const names = [
      ...HOSTILE_NAMES,
      `${'x'.repeat(1023)}y`,
      `${'x'.repeat(233)}${'🔒'.repeat(300)}`,
    ]
    const rules = [fixedWindow({ limit: 2, per: '1m' })]
    const made = names.flatMap((name) => [
      gates.lock(name, TTL_MS),
      gates.readWriteLock(name, 'read', TTL_MS),
      gates.semaphore(name, 2, 1, TTL_MS),
      gates.limit({ name, rules }, 'k', 1),
      gates.limit({ name: 'k', rules }, name, 1),
      gates.limit({ name: `${name}:k`.slice(0, 1024), rules }, name, 1),
    ])
    const keys = made.map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
    expect(Math.max(...keys.map((key) => key.length))).toBe(LONGEST_GATE)
    for (const key of keys) expect(Buffer.from(key).toString()).toBe(key)
    const elsewhere = kindsOf(opened).gates
    for (const { key, terms, demand } of made) {
      expect(elsewhere.open(terms, demand)).toMatchObject({ key, terms, demand })
    }
    if (label === 'file') return
    const passes = await Promise.all(made.map((gate) => passOf(entering(gate))))
    await Promise.all(passes.map((pass) => pass.release()))
  })

  it.each(
    [
      ...['', 'lock', '[]', 'null', '1', '"lock"', '{}', '{"kind":"lock"'],
      ...[
        { kind: 'latch', name: 'a' },
        { kind: '__proto__', name: 'a' },
        { kind: 'lock' },
        { kind: 'lock', name: 'a' },
        { kind: 'lock', name: '', ttlMs: TTL_MS },
        { kind: 'lock', name: 7, ttlMs: TTL_MS },
        { kind: 'lock', name: 'x'.repeat(1025), ttlMs: TTL_MS },
        { kind: 'lock', name: 'a', ttlMs: 1 },
        { kind: 'lock', name: 'a', ttlMs: 86_400_001 },
        { kind: 'lock', name: 'a', ttlMs: TTL_MS, fair: false },
        { kind: 'read-write-lock', name: 'a', mode: 'read', ttlMs: TTL_MS },
        { kind: 'semaphore', name: 'a', ttlMs: TTL_MS },
        { kind: 'semaphore', name: 'a', permits: 0, ttlMs: TTL_MS },
        { kind: 'semaphore', name: 'a', permits: 1.5, ttlMs: TTL_MS },
        { kind: 'semaphore', name: 'a', permits: 1_000_001, ttlMs: TTL_MS },
        { kind: 'limit', name: 'a', key: 'k', tag: null },
        { kind: 'limit', name: 'a', key: 'k', tag: 7, rules: [] },
        { kind: 'limit', name: 'a', key: 'k', rules: [] },
        { kind: 'limit', name: 'a', key: 'k', rules: 'funnel' },
        { kind: 'limit', name: 'a', key: 'k', rules: [null] },
        { kind: 'limit', name: 'a', key: 'k', rules: [{ kind: 'constructor' }] },
        { kind: 'limit', name: 'a', key: 'k', rules: [{ kind: 'slidingLog', limit: 1 }] },
        {
          kind: 'limit',
          name: 'a',
          key: 'k',
          rules: [{ kind: 'slidingLog', limit: 1, perMs: 5, more: 1 }],
        },
        {
          kind: 'limit',
          name: 'a',
          key: 'k',
          rules: [{ kind: 'slidingLog', limit: 1e9, perMs: 5 }],
        },
        {
          kind: 'limit',
          name: 'a',
          key: '',
          rules: [{ kind: 'slidingLog', limit: 1, perMs: 5 }],
        },
      ].map((terms) => JSON.stringify(terms)),
    ].map((terms) => [terms]),
  )('terms that nobody wrote are refused: %s', (terms) => {
    expect(() => gates.open(terms)).toThrow(ArgumentError)
  })
})
