import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { seededNumbers } from '../../test/seeded.ts'
import type { TestClock } from '../testing/clock.ts'
import type { LatchRequest, LatchStore } from './latch-store.ts'

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedLatchStore {
  readonly clock: TestClock
  readonly first: { readonly latch: LatchStore }
  /** Another client of the same data. */
  second(): Promise<{ readonly latch: LatchStore }>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  close(): Promise<void>
}

const KEEP_MS = 60_000
/** The resolution of every store. */
const MICROSECOND_MS = 0.001
const of = (count: number, keepMs = KEEP_MS, name = 'a'): LatchRequest => ({ name, count, keepMs })

/** The suite that every engine must pass; its titles carry the promises of `latch-store.ts`. */
export function latchContract(open: () => Promise<OpenedLatchStore>): void {
  let opened: OpenedLatchStore
  let first: LatchStore
  let second: LatchStore

  beforeEach(async () => {
    opened = await open()
    first = opened.first.latch
    second = (await opened.second()).latch
  })
  afterEach(() => opened.close())

  const arrive = (store: LatchStore, id: string, request: LatchRequest) =>
    store.arrive({ ...request, id })

  describe('counting down', () => {
    it('LA1 an id counts once, whoever says it and however often', async () => {
      expect(await arrive(first, 'x', of(3))).toBe(2)
      for (const store of [first, second, first]) expect(await arrive(store, 'x', of(3))).toBe(2)
      const both = [arrive(first, 'y', of(3)), arrive(second, 'y', of(3))]
      expect(await Promise.all(both)).toEqual([1, 1])
      expect(await second.inspect('a')).toEqual({ count: 3, left: 1, openedAtMs: null })
    })

    it('LA1 ids of hostile text are told apart', async () => {
      const count = HOSTILE_NAMES.length
      for (const [index, id] of HOSTILE_NAMES.entries()) {
        expect(await arrive(first, id, of(count + 1)), id).toBe(count - index)
        expect(await arrive(second, id, of(count + 1)), id).toBe(count - index)
      }
    })

    it('LA2 opens with the last id that was missing, and says since when', async () => {
      expect(await arrive(first, 'x', of(2))).toBe(1)
      await opened.clock.advance(5)
      const openedAtMs = opened.clock.wallMs()
      expect(await arrive(second, 'y', of(2))).toBe(0)
      const view = { count: 2, left: 0, openedAtMs }
      await opened.clock.advance(5)
      expect(await first.inspect('a')).toEqual(view)
      expect(await first.watch(of(2))).toEqual(view)
    })

    it('LA2 a latch of one opens at once', async () => {
      expect(await arrive(first, 'x', of(1))).toBe(0)
      expect(await second.watch(of(1))).toMatchObject({ left: 0 })
    })

    it('LA2 of a thousand that arrive together, each is told another number', async () => {
      const count = 1_000
      const all = Array.from({ length: count }, (_, index) =>
        arrive(index % 2 === 0 ? first : second, `${index}`, of(count)),
      )
      const answers = (await Promise.all(all)).sort((a, b) => a - b)
      expect(answers).toEqual(Array.from({ length: count }, (_, index) => index))
      expect(await first.inspect('a')).toMatchObject({ left: 0 })
    })

    it('LA3 is open for good', async () => {
      await arrive(first, 'x', of(2))
      await arrive(first, 'y', of(2))
      const view = await second.inspect('a')
      await opened.clock.advance(1_000)
      for (const id of ['x', 'y', 'z']) expect(await arrive(second, id, of(2))).toBe(0)
      expect(await second.inspect('a')).toEqual(view)
    })

    it('LA2 latches of hostile names are kept apart', async () => {
      const request = (index: number, name: string) => of(index + 1, KEEP_MS, name)
      for (const [index, name] of HOSTILE_NAMES.entries()) {
        expect(await arrive(first, 'x', request(index, name)), name).toBe(index)
      }
      for (const [index, name] of HOSTILE_NAMES.entries()) {
        expect(await second.inspect(name), name).toMatchObject({ count: index + 1, left: index })
      }
    })
  })

  it('LA4 who says another count is told, and changes nothing', async () => {
    const refusal = { code: 'SLUICE_SETTINGS_MISMATCH', stored: 2 }
    await arrive(first, 'x', of(2))
    const check = async () => {
      const before = await opened.dump()
      await opened.clock.advance(1)
      for (const store of [first, second]) {
        await expect(arrive(store, 'y', of(3))).rejects.toMatchObject(refusal)
        await expect(store.watch(of(1))).rejects.toMatchObject(refusal)
      }
      expect(await opened.dump()).toEqual(before)
    }
    await check()
    await arrive(first, 'y', of(2))
    await check()
  })

  describe('who watches', () => {
    it('LA5 is told when it opens, by its own client or by another', async () => {
      for (const [name, opener] of [
        ['own', first],
        ['other', second],
      ] as const) {
        const news = newsOf(first, name)
        expect(await first.watch(of(1, KEEP_MS, name))).toMatchObject({ left: 1 })
        await arrive(opener, 'x', of(1, KEEP_MS, name))
        await expect.poll(() => news.count).toBeGreaterThan(0)
        expect(await first.watch(of(1, KEEP_MS, name))).toMatchObject({ left: 0 })
        news.stop()
      }
    })

    it('LA5 is told a minute after it watched last', async () => {
      const news = newsOf(first, 'a')
      await first.watch(of(1, 2 * KEEP_MS))
      await opened.clock.advance(59_999)
      await arrive(second, 'x', of(1, 2 * KEEP_MS))
      await expect.poll(() => news.count).toBeGreaterThan(0)
      news.stop()
    })

    it('LA5 watches what has not begun, and begins it', async () => {
      expect(await first.watch(of(4))).toEqual({ count: 4, left: 4, openedAtMs: null })
      expect(await second.inspect('a')).toMatchObject({ count: 4, left: 4 })
    })
  })

  describe('how long it is kept', () => {
    it('LA6 is forgotten to the microsecond, and begins anew', async () => {
      await arrive(first, 'x', of(2))
      await opened.clock.advance(KEEP_MS - MICROSECOND_MS)
      expect(await second.inspect('a')).toMatchObject({ left: 1 })
      await opened.clock.advance(MICROSECOND_MS)
      expect(await second.inspect('a')).toBe(null)
      expect(await arrive(second, 'x', of(3))).toBe(2)
      expect(await arrive(first, 'y', of(3))).toBe(1)
    })

    it('LA6 an open one is forgotten, too', async () => {
      await arrive(first, 'x', of(1))
      await opened.clock.advance(KEEP_MS)
      expect(await second.watch(of(2))).toEqual({ count: 2, left: 2, openedAtMs: null })
    })

    it('LA6 each arrival keeps it longer, and none makes it shorter', async () => {
      await arrive(first, 'x', of(3))
      for (const id of ['x', 'y', 'y']) {
        await opened.clock.advance(KEEP_MS - 1)
        expect(await arrive(second, id, of(3))).toBeGreaterThan(0)
      }
      await arrive(first, 'x', of(3, 1_000))
      await opened.clock.advance(KEEP_MS - 1)
      expect(await second.inspect('a')).toMatchObject({ left: 1 })
      await opened.clock.advance(1)
      expect(await second.inspect('a')).toBe(null)
    })

    it('LA6 who watches twice in that time keeps it', async () => {
      await arrive(first, 'x', of(2))
      for (let round = 0; round < 6; round++) {
        await opened.clock.advance(KEEP_MS / 3)
        expect(await second.watch(of(2))).toMatchObject({ left: 1 })
      }
      await opened.clock.advance(KEEP_MS)
      expect(await second.inspect('a')).toBe(null)
    })
  })

  it('LA7 inspect changes nothing', async () => {
    await arrive(first, 'x', of(2))
    await arrive(first, 'x', of(1, KEEP_MS, 'open'))
    const before = await opened.dump()
    await opened.clock.advance(1)
    for (const name of ['a', 'open', 'unknown']) {
      await first.inspect(name)
      await second.inspect(name)
    }
    expect(await opened.dump()).toEqual(before)
  })

  it.each([1, 2, 3, 4])('LA1 LA2 LA3 LA6 hold on random walk %i', async (seed) => {
    const random = seededNumbers(seed)
    const pick = (below: number) => Math.floor(random() * below)
    const model = new Map<string, { ids: Set<string>; untilMs: number }>()
    const count = 4
    for (let step = 0; step < 150; step++) {
      const nowMs = opened.clock.monotonicMs()
      for (const [name, { untilMs }] of model) if (untilMs <= nowMs) model.delete(name)
      const name = `${pick(3)}`
      const store = pick(2) === 0 ? first : second
      const known = model.get(name)
      const left = known ? Math.max(0, count - known.ids.size) : count
      if (pick(4) === 0) await opened.clock.advance(pick(KEEP_MS))
      else if (pick(3) === 0) {
        const view = await store.inspect(name)
        expect(view?.left ?? null, `step ${step}`).toBe(known ? left : null)
      } else {
        const keepMs = 1_000 + pick(KEEP_MS)
        const { ids, untilMs } = known ?? { ids: new Set<string>(), untilMs: 0 }
        const id = `${pick(6)}`
        if (left > 0) ids.add(id)
        model.set(name, { ids, untilMs: Math.max(untilMs, nowMs + keepMs) })
        const answer = await arrive(store, id, of(count, keepMs, name))
        expect(answer, `step ${step}`).toBe(count - ids.size)
      }
    }
  })
}

function newsOf(store: LatchStore, name: string): { count: number; stop: () => void } {
  const news = { count: 0, stop: () => {} }
  news.stop = store.onNews(name, () => {
    news.count++
  })
  return news
}
