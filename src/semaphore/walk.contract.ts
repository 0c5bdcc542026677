import { expect } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import { type Asker, type Bench, CLAIM_MS, PERMITS, TTL_MS } from './bench.contract.ts'
import type { StoredSemaphore } from './store.ts'

interface Hold {
  weight: number
  solo: boolean
  fence: number
  untilMs: number
}

interface Waiting {
  weight: number
  solo: boolean
  /** The growing stand in front, in whichever order; the others as they came. */
  grows: boolean
  joinedAs: number
  deadlineMs: number
  /** It had been dead in between: engines may keep its place or not. */
  hasReturned: boolean
  /** It joined with the last call, which may have served others before. */
  isFresh: boolean
}

type Wish = Pick<Waiting, 'weight' | 'solo' | 'grows'>

/** What may be known of one semaphore from outside, and what must never be seen. */
class Model {
  private readonly holds = new Map<string, Hold>()
  private readonly line = new Map<string, Waiting>()
  private readonly nowMs: () => number
  private permits = PERMITS
  private highestFence = 0
  private joins = 0

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  waits(owner: string, wish: Wish): void {
    const stood = this.line.get(owner)
    const known = stood?.grows === wish.grows ? stood : undefined
    const isDead = known !== undefined && known.deadlineMs < this.nowMs()
    this.line.set(owner, {
      ...wish,
      joinedAs: known?.joinedAs ?? ++this.joins,
      deadlineMs: this.nowMs() + CLAIM_MS,
      hasReturned: isDead || (known?.hasReturned ?? false),
      isFresh: known === undefined || isDead,
    })
  }

  /** The owner has the weight that it asked for. */
  changed(owner: string, { weight, solo }: Wish, fence: number): void {
    const known = this.holds.get(owner)
    if (known?.fence === fence)
      expect({ weight, solo }, 'with the old fence').toEqual({
        weight: known.weight,
        solo: known.solo,
      })
    else this.expectNewFence(owner, fence)
    this.line.delete(owner)
    this.holds.set(owner, { weight, solo, fence, untilMs: this.nowMs() + TTL_MS })
  }

  renewed(owner: string): void {
    const hold = this.holds.get(owner)
    if (hold) hold.untilMs = this.nowMs() + TTL_MS
  }

  /** The owner gave up what it had or hoped for. */
  forgets(owner: string): void {
    this.line.delete(owner)
    this.holds.delete(owner)
  }

  resized(permits: number): void {
    this.permits = permits
  }

  holdOf(owner: string): Hold | undefined {
    const hold = this.holds.get(owner)
    return hold && hold.untilMs > this.nowMs() ? hold : undefined
  }

  /** Whether the owner could have this weight beside the others who hold. */
  fits(owner: string, { weight, solo }: Pick<Wish, 'weight' | 'solo'>): boolean {
    const others = [...this.holds.keys()].flatMap((other) =>
      other === owner ? [] : (this.holdOf(other) ?? []),
    )
    const used = others.reduce((sum, hold) => sum + hold.weight, 0)
    // Who wants no more than it has takes nothing from anyone, even if a resize has left too few.
    const hasRoom = weight <= (this.holdOf(owner)?.weight ?? 0) || used + weight <= this.permits
    return hasRoom && !(solo && others.some((hold) => hold.solo))
  }

  doOthersGrow(owner: string): boolean {
    return this.living().some(([other, { grows }]) => grows && other !== owner)
  }

  /** After every call. Answers who was granted meanwhile: they must be told. */
  sees(view: StoredSemaphore): { owner: string; fence: number }[] {
    for (const owner of this.holds.keys()) if (!this.holdOf(owner)) this.holds.delete(owner)
    // Of one that was idle, the number that all say may have been said anew.
    if (this.holds.size === 0 && view.permits === PERMITS) this.permits = PERMITS
    const granted = view.holders
      .filter(({ owner, fence }) => this.holds.get(owner)?.fence !== fence)
      .sort((one, other) => one.fence - other.fence)
    for (const holder of granted) this.wasGranted(holder)
    const expected = [...this.holds].map(([owner, { weight, solo, fence, untilMs }]) => {
      return { owner, weight, solo, fence, untilMs }
    })
    const seen = view.holders.map(({ owner, weight, solo, fence, remainingMs }) => {
      return { owner, weight, solo, fence, untilMs: this.nowMs() + remainingMs }
    })
    expect(byOwner(seen)).toEqual(byOwner(expected))
    expect(view.used).toBe(seen.reduce((sum, { weight }) => sum + weight, 0))
    expect(seen.filter(({ solo }) => solo).length, 'hold alone').toBeLessThanOrEqual(1)
    if (seen.length > 0) expect(view.permits).toBe(this.permits)
    this.expectLine(view)
    this.highestFence = Math.max(this.highestFence, ...seen.map(({ fence }) => fence))
    for (const waiting of this.line.values()) waiting.isFresh = false
    return granted
  }

  /** Whoever is in front could be served: what it waits for was freed by time alone. */
  mayServe({ waiters: [head] }: StoredSemaphore): boolean {
    return head !== undefined && this.fits(head.owner, head)
  }

  private wasGranted(holder: StoredSemaphore['holders'][number]): void {
    const { owner, fence, weight, solo, remainingMs } = holder
    const own = this.line.get(owner)
    expect(own, `${owner} was granted without waiting`).toBeDefined()
    expect({ weight, solo }).toEqual({ weight: own?.weight, solo: own?.solo })
    this.expectNewFence(owner, fence)
    expect(this.fits(owner, holder), `${owner} was granted more than there is`).toBe(true)
    for (const [other, waiting] of this.living()) {
      const isInFront = own && !own.hasReturned && !waiting.isFresh && standsBefore(waiting, own)
      expect(other !== owner && isInFront, `${owner} passed ${other}`).toBe(false)
    }
    this.line.delete(owner)
    this.holds.set(owner, { weight, solo, fence, untilMs: this.nowMs() + remainingMs })
  }

  private expectNewFence(owner: string, fence: number): void {
    expect(fence, `fence of ${owner}`).toBeGreaterThan(this.highestFence)
    const others = [...this.holds].filter(([other]) => other !== owner)
    for (const [other, hold] of others) expect(fence, `${owner}, ${other}`).not.toBe(hold.fence)
  }

  /** Whoever came in time; and grows only as long as it holds. */
  private living(): [owner: string, Waiting][] {
    return [...this.line].filter(([owner, { deadlineMs, grows }]) => {
      return deadlineMs >= this.nowMs() && (!grows || this.holdOf(owner))
    })
  }

  private expectLine({ waiters }: StoredSemaphore): void {
    const living = this.living().map(([owner, { weight, solo }]) => ({ owner, weight, solo }))
    const seen = waiters.map(({ owner, weight, solo }) => ({ owner, weight, solo }))
    expect(byOwner(seen)).toEqual(byOwner(living))
    const settled = waiters.flatMap(({ owner }) => this.line.get(owner) ?? [])
    for (const [index, one] of settled.entries()) {
      const passed = settled.slice(index + 1).find((other) => standsBefore(other, one))
      if (!one.hasReturned) expect(passed, 'stands behind').toBeUndefined()
    }
  }
}

function standsBefore(one: Waiting, other: Waiting): boolean {
  if (one.hasReturned) return false
  if (one.grows || other.grows) return one.grows && !other.grows
  return one.joinedAs < other.joinedAs
}

const byOwner = <T extends { owner: string }>(list: T[]): T[] =>
  list.sort((one, other) => (one.owner < other.owner ? -1 : 1))

/** What an act has done, as far as the model must know to judge what is seen next. */
interface Outcome {
  /** Permits were given back, or there are more: whoever stands in front must have them. */
  mustServe?: boolean
  /** Who was answered, and so need not be told. */
  answered?: string
}

/** Many owners do whatever comes to mind, in an order that the seed decides. */
export async function walk(bench: Bench, seed: number, steps: number): Promise<void> {
  const random = seededNumbers(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const model = new Model(() => bench.store.clock.wallMs())
  const clients = [bench.first, bench.second]
  const newAsker = () =>
    bench.asker({ weight: pick([1, 1, 2, 3]), solo: pick([true, false, false]) }, pick(clients))
  let askers = Array.from({ length: 6 }, newAsker)
  let view = await bench.inspect('a')
  // An owner stands for one acquisition: the next one has another.
  const retire = (asker: Asker) => {
    model.forgets(asker.owner)
    askers = [...askers.filter((other) => other !== asker), newAsker()]
  }

  async function acquire(asker: Asker, enqueue: boolean): Promise<Outcome> {
    const { owner, demand } = asker
    const held = model.holdOf(owner)
    const answer = await asker.acquire('a', { enqueue })
    if (held) {
      expect(answer).toMatchObject({ tag: 'acquired', fence: held.fence })
      model.renewed(owner)
      return {}
    }
    expect(answer.tag).toBeOneOf(['acquired', 'waiting', 'held'])
    if (answer.tag !== 'held') model.waits(owner, { ...demand, grows: false })
    return answer.tag === 'acquired' ? { mustServe: true, answered: owner } : {}
  }

  async function reweigh(asker: Asker): Promise<Outcome> {
    const { owner } = asker
    const held = model.holdOf(owner)
    const servesFirst = model.mayServe(view)
    // This very call may give it what it waited for.
    if (!held && servesFirst) return {}
    const wish = { weight: pick([1, 2, 3]), solo: pick([true, false]), grows: true }
    const isLess = held && wish.weight <= held.weight && (held.solo || !wish.solo)
    const fits = model.fits(owner, wish)
    const { tag, ...rest } = await asker.reweigh('a', wish.weight, { solo: wish.solo })
    if (!held) expect(tag).toBe('lost')
    else if (isLess) expect(tag).toBe('changed')
    else if (!fits) expect(tag).toBe('waiting')
    else if (!servesFirst && !model.doOthersGrow(owner)) expect(tag).toBe('changed')
    if ('fence' in rest) model.changed(owner, wish, rest.fence)
    if (tag === 'waiting') {
      model.renewed(owner)
      model.waits(owner, wish)
    }
    return { mustServe: isLess === true }
  }

  const acts: ((asker: Asker) => Promise<Outcome>)[] = [
    (asker) => acquire(asker, true),
    (asker) => acquire(asker, true),
    (asker) => acquire(asker, true),
    (asker) => acquire(asker, false),
    reweigh,
    reweigh,
    async (asker) => {
      const isHeld = model.holdOf(asker.owner) !== undefined
      if (!isHeld && model.mayServe(view)) return {}
      expect(await asker.renew('a')).toBe(isHeld ? 'renewed' : 'lost')
      model.renewed(asker.owner)
      return {}
    },
    async (asker) => {
      const isHeld = model.holdOf(asker.owner) !== undefined
      if (!isHeld && model.mayServe(view)) return {}
      expect(await asker.release('a')).toBe(isHeld ? 'released' : 'lost')
      if (isHeld) retire(asker)
      return { mustServe: isHeld }
    },
    async (asker) => {
      const isHeld = model.holdOf(asker.owner) !== undefined
      const isHead = view.waiters[0]?.owner === asker.owner
      await asker.leave('a')
      retire(asker)
      return { mustServe: isHeld || isHead }
    },
    async () => {
      await bench.pass(pick([1, 100, CLAIM_MS - 100, CLAIM_MS + 1, TTL_MS]))
      return {}
    },
    async () => {
      if ((await bench.inspect('a')).holders.length === 0) return {}
      const permits = pick([PERMITS, PERMITS, 4, 5])
      await bench.first.semaphore.resize({ name: 'a', permits })
      model.resized(permits)
      return { mustServe: true }
    },
  ]

  for (let step = 0; step < steps; step++) {
    const { mustServe, answered } = await pick(acts)(pick(askers))
    view = await bench.inspect('a')
    const granted = model.sees(view)
    if (mustServe) expect(model.mayServe(view), 'who is in front could be served').toBe(false)
    for (const { owner, fence } of granted) {
      const asker = askers.find((other) => other.owner === owner)
      if (!asker) throw new Error(`${owner} was granted after it had gone`)
      // Of what was answered before it was told, it may be told, too.
      while (owner !== answered && (await asker.granted()).fence !== fence);
    }
  }
  await bench.pass(TTL_MS + CLAIM_MS + 1)
  await bench.asker({ weight: PERMITS }).take('a')
  expect((await bench.inspect('a')).used).toBe(PERMITS)
}
