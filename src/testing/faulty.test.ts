import { describe, expect, it } from 'vitest'
import { type FaultPlan, faulty } from './faulty.ts'

interface Counter {
  add(by: number): Promise<number>
  read(): Promise<number>
  onChange(listener: () => void): () => void
}

function counter(plan: FaultPlan<Counter> = () => undefined) {
  let value = 0
  const calls: string[] = []
  const real: Counter = {
    async add(by) {
      calls.push('add')
      value += by
      return value
    },
    async read() {
      calls.push('read')
      return value
    },
    onChange: () => () => {},
  }
  return { real, calls, broken: faulty(real, plan), value: () => value }
}

const gone = new Error('gone')

describe('a faulty store', () => {
  it('is the same store where the plan has nothing', async () => {
    const { real, broken } = counter()
    expect(await broken.add(2)).toBe(2)
    expect(await broken.read()).toBe(2)
    expect(broken.onChange).toBe(real.onChange)
  })

  it('tells the plan the method, its arguments and how often it was called', async () => {
    const told: unknown[] = []
    const { broken } = counter((call) => void told.push({ ...call }))
    await broken.add(2)
    await broken.read()
    await broken.add(3)
    expect(told).toEqual([
      { method: 'add', args: [2], count: 1 },
      { method: 'read', args: [], count: 1 },
      { method: 'add', args: [3], count: 2 },
    ])
  })

  it('refuses before the call has an effect', async () => {
    const { broken, calls } = counter(() => ({ refuseWith: gone }))
    await expect(broken.add(1)).rejects.toBe(gone)
    expect(calls).toEqual([])
  })

  it('loses the answer of a call that has its effect', async () => {
    const { broken, value } = counter(() => ({ loseReplyWith: gone }))
    await expect(broken.add(1)).rejects.toBe(gone)
    expect(value()).toBe(1)
  })

  it('holds a call, and its answer, back', async () => {
    const held = { call: () => {}, reply: () => {} }
    const callAfter = new Promise<void>((resolve) => {
      held.call = resolve
    })
    const replyAfter = new Promise<void>((resolve) => {
      held.reply = resolve
    })
    const { broken, value } = counter(() => ({ callAfter, replyAfter }))
    let answer: number | undefined
    const added = broken.add(1).then((result) => {
      answer = result
    })
    await turn()
    expect(value()).toBe(0)
    held.call()
    await turn()
    expect([value(), answer]).toEqual([1, undefined])
    held.reply()
    await added
    expect(answer).toBe(1)
  })

  it('breaks only the calls that the plan names', async () => {
    const { broken, value } = counter(({ method, count }) =>
      method === 'add' && count === 2 ? { refuseWith: gone } : undefined,
    )
    await broken.add(1)
    await expect(broken.add(1)).rejects.toBe(gone)
    await broken.add(1)
    expect(value()).toBe(2)
  })
})

const turn = () => new Promise((resolve) => setImmediate(resolve))
