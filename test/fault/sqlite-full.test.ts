// No room left: what is new is refused, what is held can be kept and given back, nothing is half
// done, and with room again everything goes on.

import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ORDINARY } from '../lock-request.js'
import {
  addJobs,
  exchangeRequest,
  integrityOf,
  lockRequest,
  openStores,
  type Stores,
  takeRequest,
} from './sqlite-fixture.ts'
import { type Mount, mountMemory, whyNoMount } from './sqlite-mounts.ts'

const FULL = { code: 'SLUICE_STORE_FULL', outcome: 'not-applied', retryable: true }
const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function open(file: string): Stores {
  const stores = openStores(file, 2_000)
  cleanUps.push(() => stores.engine.close())
  return stores
}

/** Calls until there is no room. Answers how many calls were answered. */
async function fill(call: (index: number) => Promise<unknown>): Promise<number> {
  for (let index = 0; index < 20_000; index++) {
    try {
      await call(index)
    } catch (error) {
      expect(error).toMatchObject(FULL)
      return index
    }
  }
  throw new Error('it never got full')
}

const limitPages = ({ engine }: Stores, pages: number) =>
  engine.write((transaction) => transaction.get(`PRAGMA max_page_count = ${pages}`))
const payload = JSON.stringify('x'.repeat(1_000))

describe('a limit of pages', () => {
  async function openFull() {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-full-'))
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'store.db')
    const stores = open(file)
    await stores.lock.acquire(lockRequest('held', 'me', 60_000))
    await stores.lock.acquire({ ...lockRequest('held', 'waiter'), enqueue: true })
    await stores.queue.exchange(exchangeRequest({ epoch: 'early', want: 1 }))
    await addJobs(stores, 'jobs', Array(30).fill(payload))
    await limitPages(stores, 60)
    const added = 30 + (await fill(() => addJobs(stores, 'jobs', [payload])))
    return { stores, file, added }
  }

  it('E7 refuses jobs, locks and takes that need room, and each is as if it had not been', async () => {
    const { stores, added } = await openFull()
    const locked = await fill((index) =>
      stores.lock.acquire(lockRequest(`lock ${index} `.padEnd(900, '.'), 'me', 60_000)),
    )
    const taken = await fill((index) =>
      stores.limit.take(takeRequest(`key ${index}`.padEnd(900, '.'))),
    )
    expect(await stores.queue.counts('jobs')).toMatchObject({ ready: added, inFlight: 0 })
    expect(await stores.lock.list(10_000)).toHaveLength(locked + 1)
    expect(await stores.limit.list(10_000)).toHaveLength(taken)
  })

  it('E7 keeps leases alive and takes back what is held, until there is room again', async () => {
    const { stores, file, added } = await openFull()
    const held = { name: 'held', owner: 'me', ttlMs: 60_000, ...ORDINARY }
    expect(await stores.lock.renew(held)).toMatchObject({ tag: 'renewed' })
    let acks: string[] = []
    let done = 0
    for (let sequence = 1; done < added; sequence++) {
      const request = { epoch: 'drain', sequence, acks, heldCount: acks.length, want: 5 }
      const answer = await stores.queue.exchange(exchangeRequest(request))
      if (answer.tag !== 'ok') throw new Error(answer.tag)
      expect(answer.staleIds).toEqual([])
      done += acks.length
      acks = answer.jobs.map(({ id }) => id)
    }
    await stores.lock.leave({ name: 'held', owner: 'waiter', ...ORDINARY })
    expect(await stores.lock.release(held)).toEqual({ tag: 'released' })
    await addJobs(stores, 'jobs', [payload])
    expect(await integrityOf(file)).toEqual(['ok'])
  })

  it('E7 takes what is new when the limit is raised', async () => {
    const { stores, file, added } = await openFull()
    await limitPages(stores, 1_000)
    await addJobs(stores, 'jobs', [payload])
    expect(await stores.queue.counts('jobs')).toMatchObject({ ready: added + 1 })
    expect(await integrityOf(file)).toEqual(['ok'])
  })
})

/** Leaves this many bytes of the file system free. */
function fillUp(folder: string, leaveBytes: number): () => void {
  const file = path.join(folder, 'ballast')
  const ballast = openSync(file, 'w')
  const page = Buffer.alloc(4_096, 1)
  for (;;) {
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize <= leaveBytes) break
    writeSync(ballast, page)
  }
  closeSync(ballast)
  return () => unlinkSync(file)
}

function mount(): Mount {
  const mounted = mountMemory('size=2m')
  cleanUps.push(() => mounted.remove())
  return mounted
}

function describeFullDisk() {
  it('E7 what drains the store goes on when another program has filled the disk', async () => {
    const { folder } = mount()
    const file = path.join(folder, 'store.db')
    const before = open(file)
    await addJobs(before, 'jobs', Array(200).fill(payload))
    await before.lock.acquire(lockRequest('held', 'me', 60_000))
    await before.engine.close()
    const stores = open(file)
    const held = { name: 'held', owner: 'me', ttlMs: 60_000, ...ORDINARY }
    await stores.lock.renew(held)
    const makeRoom = fillUp(folder, 60_000)
    // The log would need many times the room that is left.
    for (let round = 0; round < 200; round++) {
      expect(await stores.lock.renew(held)).toMatchObject({ tag: 'renewed' })
    }
    let acks: string[] = []
    for (let sequence = 1; sequence <= 20; sequence++) {
      const request = { sequence, acks, heldCount: acks.length, want: sequence < 20 ? 5 : 0 }
      const answer = await stores.queue.exchange(exchangeRequest(request))
      acks = answer.tag === 'ok' ? answer.jobs.map(({ id }) => id) : []
    }
    expect(await stores.queue.counts('jobs')).toMatchObject({ ready: 105, inFlight: 0 })
    const added = await fill(() => addJobs(stores, 'more', Array(20).fill(payload)))
    makeRoom()
    await addJobs(stores, 'more', [payload])
    expect(await stores.queue.counts('more')).toMatchObject({ ready: added * 20 + 1 })
    expect(await stores.lock.release(held)).toEqual({ tag: 'released' })
    expect(await integrityOf(file)).toEqual(['ok'])
  })

  it('E7 a store that has filled the disk itself keeps what was answered, and goes on with more room', async () => {
    const mounted = mount()
    const file = path.join(mounted.folder, 'store.db')
    const stores = open(file)
    const added = await fill(() => addJobs(stores, 'jobs', [payload]))
    expect(added).toBeGreaterThan(10)
    expect(await stores.queue.counts('jobs')).toMatchObject({ ready: added })
    await stores.engine.close()
    const again = open(file)
    expect(await again.queue.counts('jobs')).toMatchObject({ ready: added })
    mounted.change('size=8m')
    await addJobs(again, 'jobs', [payload])
    expect(await again.queue.counts('jobs')).toMatchObject({ ready: added + 1 })
    expect(await integrityOf(file)).toEqual(['ok'])
  })

  it('E7 a store is not made on a disk that is full, and is as soon as there is room', async () => {
    const { folder } = mount()
    const makeRoom = fillUp(folder, 0)
    const stores = open(path.join(folder, 'store.db'))
    await expect(addJobs(stores, 'jobs', [payload])).rejects.toMatchObject(FULL)
    makeRoom()
    await addJobs(stores, 'jobs', [payload])
  })
}

const reason = whyNoMount()
if (reason === null) describe('a full disk', describeFullDisk)
else {
  it(`a full disk is NOT tested: ${reason}. The limit of pages stands for it`, () => {
    console.warn(`No small file system for the tests of full disks: ${reason}`)
  })
}
