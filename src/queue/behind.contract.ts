import { describe, expect, it, type TestContext } from 'vitest'
import { gate, watched } from '../../test/faults.ts'
import { type Bench, inOrder, newJob, payloadsOf } from './bench.contract.ts'
import { QueueFullError } from './errors.ts'
import type { AddRequest } from './store.ts'

/** The part of the suite of queues that is about a second batch under way. */
export function behindContract(bench: Bench): void {
  const batch = (sequence: number, payloads: string[], how: Partial<AddRequest> = {}) => ({
    ...{ queue: bench.queue, producer: 'p', sequence },
    jobs: payloads.map((payload) => newJob(payload)),
    ...how,
  })
  const add = (...of: Parameters<typeof batch>) => bench.first.queue.add(batch(...of))
  const pending = new Promise<number>(() => {})
  const payloads = async () => payloadsOf(await bench.consumer().claim(10))

  /** Of a store that takes two batches at a time. */
  function addBehindOf({ skip }: TestContext) {
    const { addBehind } = bench.first.queue
    return addBehind ?? skip('it takes one batch at a time')
  }

  describe('a second batch under way', () => {
    it('Q5 follows the first one, and both are answered again with their ids', async (test) => {
      const addBehind = addBehindOf(test)
      await add(6, ['0'])
      const first = await add(7, ['a', 'b'])
      const second = await addBehind(batch(8, ['c', 'd']), pending)
      expect([...first, ...second]).toEqual(inOrder([...first, ...second]))
      for (let round = 0; round < 2; round++) {
        expect(await add(7, ['a', 'b'])).toEqual(first)
        expect(await addBehind(batch(8, ['c', 'd']), pending)).toEqual(second)
        expect(await add(8, ['c', 'd'])).toEqual(second)
      }
      expect(await add(6, ['0'])).toEqual([])
      expect(await payloads()).toEqual(['0', 'a', 'b', 'c', 'd'])
    })

    it('Q5 of three in a row the last two are known, and the first is too old', async (test) => {
      const addBehind = addBehindOf(test)
      await add(1, ['a'])
      const second = await addBehind(batch(2, ['b']), pending)
      const third = await addBehind(batch(3, ['c']), pending)
      expect(await addBehind(batch(2, ['b']), pending)).toEqual(second)
      expect(await addBehind(batch(3, ['c']), pending)).toEqual(third)
      expect(await add(1, ['a'])).toEqual([])
      expect(await payloads()).toEqual(['a', 'b', 'c'])
    })

    const knownBefore = [
      ['nothing', []],
      ['an older one', ['0']],
    ] as const

    it.each(knownBefore)(
      'Q2 that comes in front of the first waits for it, behind %s',
      async (_, known) => {
        const addBehind = bench.first.queue.addBehind
        if (!addBehind) return
        if (known.length > 0) await add(1, [...known])
        const before = gate()
        const call = addBehind(
          batch(3, ['b']),
          before.opened.then(() => 2),
        )
        const second = watched(call)
        // On one connection, and so answered behind it.
        await bench.first.queue.counts(bench.queue)
        expect(await bench.counts()).toMatchObject({ ready: known.length })
        const first = await add(2, ['a'])
        expect(second.isPending).toBe(true)
        before.open()
        const ids = await call
        expect(await add(3, ['b'])).toEqual(ids)
        expect([...first, ...ids]).toEqual(inOrder([...first, ...ids]))
        expect(await payloads()).toEqual([...known, 'a', 'b'])
      },
    )

    it.each(knownBefore)(
      'Q2 is added when the first is given up, and that one no more, behind %s',
      async (_, known) => {
        const addBehind = bench.first.queue.addBehind
        if (!addBehind) return
        if (known.length > 0) await add(1, [...known])
        const ids = await addBehind(batch(3, ['b']), Promise.resolve(known.length))
        expect(await add(2, ['a'])).toEqual([])
        expect(await addBehind(batch(3, ['b']), pending)).toEqual(ids)
        expect(await payloads()).toEqual([...known, 'b'])
      },
    )

    it('Q2 waits where the first was refused, until a smaller one has come by its number', async (test) => {
      const addBehind = addBehindOf(test)
      await add(1, ['0'])
      const room = { maxLength: 3 }
      await expect(add(2, ['a', 'b', 'c'], room)).rejects.toBeInstanceOf(QueueFullError)
      const before = gate()
      const call = addBehind(
        batch(3, ['d']),
        before.opened.then(() => 2),
      )
      await bench.first.queue.counts(bench.queue)
      expect(await bench.counts()).toMatchObject({ ready: 1 })
      await add(2, ['a'], room)
      before.open()
      await call
      expect(await payloads()).toEqual(['0', 'a', 'd'])
    })

    it('Q5 refused for its size leaves the first one known', async (test) => {
      const addBehind = addBehindOf(test)
      const first = await add(1, ['a'])
      const call = addBehind(batch(2, ['b', 'c'], { maxLength: 2 }), pending)
      await expect(call).rejects.toBeInstanceOf(QueueFullError)
      expect(await add(1, ['a'])).toEqual(first)
      expect(await bench.counts()).toMatchObject({ ready: 1 })
      await add(2, ['b'], { maxLength: 2 })
      expect(await payloads()).toEqual(['a', 'b'])
    })

    it('Q5 is added once where the store has forgotten the first one, or both', async (test) => {
      const addBehind = addBehindOf(test)
      await add(1, ['a'])
      await bench.store.wipe()
      const ids = await addBehind(batch(2, ['b']), Promise.resolve(1))
      expect(await addBehind(batch(2, ['b']), pending)).toEqual(ids)
      await bench.store.wipe()
      await addBehind(batch(3, ['c']), Promise.resolve(2))
      await addBehind(batch(4, ['d']), pending)
      expect(await payloads()).toEqual(['c', 'd'])
    })
  })
}
