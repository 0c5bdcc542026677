import { expect } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import type { AcquireAnswer } from '../gate/store.ts'
import { type Asker, type Bench, CLAIM_MS, TTL_MS } from './bench.contract.ts'
import type { StoredLock } from './store.ts'

interface Waiting {
  joinedAs: number
  deadlineMs: number
  /** It had been dead in between: engines may keep its place or not. */
  hasReturned: boolean
}

/** What may be known of one lock from outside, and what must never be seen. */
class Model {
  private holder: { owner: string; fence: number; untilMs: number } | null = null
  private highestFence = 0
  private joins = 0
  private readonly line = new Map<string, Waiting>()
  private readonly nowMs: () => number
  private readonly isFair: boolean

  constructor(nowMs: () => number, isFair: boolean) {
    this.nowMs = nowMs
    this.isFair = isFair
  }

  /** After a call that may have moved the lock on: whoever has it now must have the right to. */
  sees(found: StoredLock['holder']): void {
    if (!found) return
    const { owner, fence, remainingMs, metadata } = found
    expect(metadata).toBe(metadataOf(owner))
    const isSame = this.holder?.owner === owner && this.holder.fence === fence
    if (!isSame) {
      expect(this.isHeld(), `${owner} holds beside ${this.holder?.owner}`).toBe(false)
      expect(fence, `fence of ${owner}`).toBeGreaterThan(this.highestFence)
      this.mayPass(owner)
    }
    this.highestFence = fence
    this.line.delete(owner)
    this.holder = { owner, fence, untilMs: this.nowMs() + remainingMs }
  }

  waits(owner: string): void {
    const known = this.line.get(owner)
    const isDead = known !== undefined && known.deadlineMs < this.nowMs()
    this.line.set(owner, {
      joinedAs: known?.joinedAs ?? ++this.joins,
      deadlineMs: this.nowMs() + CLAIM_MS,
      hasReturned: isDead || (known?.hasReturned ?? false),
    })
  }

  /** The owner gave up what it had or hoped for. */
  forgets(owner: string): void {
    this.line.delete(owner)
    if (this.holder?.owner === owner) this.holder = null
  }

  /** Whoever holds it was made to give it up. */
  isForced(): void {
    expect(this.isHeld(), 'what was taken away was held').toBe(true)
    this.holder = null
  }

  private isHeld(): boolean {
    return this.holder !== null && this.holder.untilMs > this.nowMs()
  }

  private mayPass(owner: string): void {
    const own = this.line.get(owner)
    if (!this.isFair || own?.hasReturned) return
    for (const [other, { joinedAs, deadlineMs, hasReturned }] of this.line) {
      const isInFront = !hasReturned && joinedAs < (own?.joinedAs ?? Number.POSITIVE_INFINITY)
      const isDead = deadlineMs < this.nowMs()
      expect(other === owner || !isInFront || isDead, `${owner} passed ${other}`).toBe(true)
    }
  }
}

const metadataOf = (owner: string) => JSON.stringify({ of: owner })

/**
 * Longer than a withdrawal is remembered, and than anyone counts as waiting without a call: whatever
 * takes a shorter way where nobody waits takes it again.
 */
const QUIET_MS = 61_000
const PAUSES_MS = [1, 100, CLAIM_MS - 100, CLAIM_MS, CLAIM_MS + 1, TTL_MS, QUIET_MS]

/** Many owners do whatever comes to mind, in an order that the seed decides. */
export async function walk(
  bench: Bench,
  seed: number,
  steps: number,
  fair: boolean,
): Promise<void> {
  const random = seededNumbers(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const model = new Model(() => bench.store.clock.wallMs(), fair)
  let askers = bench.askers(5)
  // An owner stands for one acquisition: the next one has another.
  const retire = (asker: Asker) => {
    model.forgets(asker.owner)
    askers = [...askers.filter((other) => other !== asker), bench.asker(pick(clients))]
  }
  const clients = [bench.first, bench.second]
  const asking = ({ owner }: Asker) => ({ demand: { fair }, metadata: metadataOf(owner) })

  const acts: ((asker: Asker) => Promise<AcquireAnswer | undefined>)[] = [
    (asker) => asker.acquire('a', asking(asker)),
    (asker) => asker.acquire('a', asking(asker)),
    (asker) => asker.acquire('a', { ...asking(asker), enqueue: false }),
    async (asker) => void (await asker.renew('a')),
    async (asker) => {
      if ((await asker.release('a', { fair })) === 'released') retire(asker)
      return undefined
    },
    async (asker) => {
      await asker.leave('a')
      retire(asker)
      return undefined
    },
    async () => {
      const request = { name: 'a', reason: 'a walk', expectFence: null }
      if ((await pick(clients).lock.forceRelease(request)) === 'released') model.isForced()
      return undefined
    },
    async () => void (await bench.pass(pick(PAUSES_MS))),
    async () => void (await bench.pass(pick(PAUSES_MS))),
  ]

  for (let step = 0; step < steps; step++) {
    const asker = pick(askers)
    const answer = await pick(acts)(asker)
    if (answer?.tag === 'waiting') model.waits(asker.owner)
    model.sees((await bench.inspect('a')).holder)
  }
  await bench.pass(TTL_MS + CLAIM_MS + 1)
  expect(await bench.asker().acquire('a')).toMatchObject({ tag: 'acquired' })
}
