import { expect } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import { type Asker, type Bench, CLAIM_MS, TTL_MS } from './bench.contract.ts'
import type { AcquireAnswer } from './store.ts'

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

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  /** After a call that may have moved the lock on: whoever has it now must have the right to. */
  sees(found: { owner: string; fence: number; remainingMs: number } | null): void {
    if (!found) return
    const { owner, fence, remainingMs } = found
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

  private isHeld(): boolean {
    return this.holder !== null && this.holder.untilMs > this.nowMs()
  }

  private mayPass(owner: string): void {
    const own = this.line.get(owner)
    if (own?.hasReturned) return
    for (const [other, { joinedAs, deadlineMs, hasReturned }] of this.line) {
      const isInFront = !hasReturned && joinedAs < (own?.joinedAs ?? Number.POSITIVE_INFINITY)
      const isDead = deadlineMs < this.nowMs()
      expect(other === owner || !isInFront || isDead, `${owner} passed ${other}`).toBe(true)
    }
  }
}

/** Many owners do whatever comes to mind, in an order that the seed decides. */
export async function walk(bench: Bench, seed: number, steps: number): Promise<void> {
  const random = seededNumbers(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const model = new Model(() => bench.store.clock.wallMs())
  let askers = bench.askers(5)
  // An owner stands for one acquisition: the next one has another.
  const retire = (asker: Asker) => {
    model.forgets(asker.owner)
    askers = [...askers.filter((other) => other !== asker), bench.asker(pick(clients))]
  }
  const clients = [bench.first, bench.second]

  const acts: ((asker: Asker) => Promise<AcquireAnswer | undefined>)[] = [
    (asker) => asker.acquire('a'),
    (asker) => asker.acquire('a'),
    (asker) => asker.acquire('a', { enqueue: false }),
    async (asker) => void (await asker.renew('a')),
    async (asker) => {
      if ((await asker.release('a')) === 'released') retire(asker)
      return undefined
    },
    async (asker) => {
      await asker.leave('a')
      retire(asker)
      return undefined
    },
    async () => void (await bench.pass(pick([1, 100, CLAIM_MS - 100, CLAIM_MS + 1, TTL_MS]))),
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
