// Power cuts, one for each kind of store; more of them, with a seed: npm run fault -- power --seed N
import { describe, expect, it } from 'vitest'
import { check } from './fault/power/check.js'
import type { History, Level, Step } from './fault/power/history.js'
import { cutPower } from './fault/power/run.js'

const RUN_TIMEOUT_MS = 180_000

describe('a power cut', () => {
  it('takes nothing that was synced, and no more than the store says', {
    timeout: RUN_TIMEOUT_MS,
  }, async () => {
    const { cuts, skipped } = await cutPower({ seed: 3, cuts: 1 })
    for (const what of skipped) console.warn(`left out: ${what}`)
    expect(cuts.flatMap(({ violations }) => violations)).toEqual([])
    expect(cuts).toHaveLength(skipped.length > 0 ? 0 : 5)
    for (const { answered } of cuts) expect(answered).toBeGreaterThan(30)
    // Else nothing would have been cut off.
    const careless = cuts.filter(({ store }) => /everysec|NORMAL/.test(store))
    for (const { store, lost } of careless) expect(lost, store).toBeGreaterThan(0)
  })
})

const CUT_MS = 10_000
const add = (key: string, toldMs?: number): Step => ({
  ...{ op: 'add', key },
  ...(toldMs !== undefined && { toldMs }),
})
const ack = (key: string, toldMs?: number): Step => ({ ...add(key, toldMs), op: 'ack' })
const found = (level: Level, steps: Step[], rest: Partial<History> = {}) =>
  check({ steps, cutMs: CUT_MS, found: [], inFlight: 0, ...rest }, level).map(({ what }) => what)

describe('what a power cut left', () => {
  const early = 'the add of a was answered 9000 ms before the cut, and is lost'

  it('is well where everything is there, done, or was never answered', () => {
    const steps = [add('a', 1_000), add('b', 2_000), ack('a', 3_000), add('c')]
    expect(found('nothing', steps, { found: ['b'] })).toEqual([])
    expect(found('nothing', steps, { found: ['b', 'c'] })).toEqual([])
  })

  it('is well where one that is missing is in flight, and only one', () => {
    const steps = [add('a', 1_000), add('b', 9_000), add('c', 9_500)]
    expect(found('nothing', steps, { found: ['b', 'c'], inFlight: 1 })).toEqual([])
    const [lost] = found('nothing', steps, { found: ['c'], inFlight: 1 })
    expect(lost).toBe('the add of b was answered 1000 ms before the cut, and is lost')
    const asked = [add('a', 1_000), add('b', 1_000), ack('b')]
    expect(found('nothing', asked, { inFlight: 1 })).toEqual([early])
  })

  it('is bad where an add or an acknowledgement is lost', () => {
    expect(found('nothing', [add('a', 1_000)])).toEqual([early])
    expect(found('nothing', [add('a', 1_000), ack('a', 9_000)], { found: ['a'] })).toEqual([
      'the ack of a was answered 1000 ms before the cut, and is lost',
    ])
  })

  it('may lack the last two seconds, where that is said, and no more', () => {
    expect(found('seconds', [add('a', 8_500)])).toEqual([])
    expect(found('seconds', [add('a', 1_000)])).toEqual([early])
  })

  it('may lack acknowledgements, where only adds are sure', () => {
    expect(found('acks', [add('a', 1_000)])).toEqual([early])
    expect(found('acks', [add('a', 1_000), ack('a', 9_000)], { found: ['a'] })).toEqual([])
  })

  it('may lack any end, where that is said, and has no holes', () => {
    const steps = [add('a', 1_000), add('b', 2_000)]
    expect(found('the end', steps)).toEqual([])
    expect(found('the end', steps, { found: ['a'] })).toEqual([])
    expect(found('the end', steps, { found: ['b'] })).toEqual([
      'the add of a is lost, and a later add is not',
    ])
    const undone = [add('a', 1_000), ack('a', 2_000), add('b', 3_000)]
    expect(found('the end', undone, { found: ['a', 'b'] })).toEqual([
      'the ack of a is lost, and a later add is not',
    ])
  })

  it('is bad where a job is there twice, or from nowhere', () => {
    expect(found('the end', [add('a', 1_000)], { found: ['a', 'a'] })).toEqual([
      'a job is there twice',
    ])
    expect(found('the end', [], { found: ['a'] })).toEqual(['job a is there, and nobody added it'])
  })
})
