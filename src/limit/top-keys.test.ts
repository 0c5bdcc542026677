import { describe, expect, it } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import { TopKeys } from './top-keys.ts'

describe('top keys', () => {
  it('are exact while there is room', () => {
    const keys = new TopKeys(4)
    for (const key of [...'abacabad', '__proto__', 'constructor']) keys.count(key)
    expect(keys.tooFew).toBe(0)
    expect(keys.list(2)).toEqual([
      { key: 'a', count: 4 },
      { key: 'b', count: 2 },
    ])
    expect(keys.list(10)).toHaveLength(6)
  })

  it('find what comes often among any number of others, with counts as wrong as they say', () => {
    const random = seededNumbers(20_260_102)
    const most = 16
    const keys = new TopKeys(most)
    const exact = new Map<string, number>()
    const total = 40_000
    for (let take = 0; take < total; take++) {
      // Every eighth is one of three, the others are of 20,000.
      const key = take % 8 === 0 ? `hot ${take % 3}` : `cold ${Math.floor(random() * 20_000)}`
      keys.count(key)
      exact.set(key, (exact.get(key) ?? 0) + 1)
    }
    expect(keys.tooFew).toBeLessThanOrEqual(total / most)
    const found = keys.list(1_000)
    expect(found.length).toBeLessThanOrEqual(2 * most)
    for (const { key, count } of found) {
      expect(count).toBeLessThanOrEqual(exact.get(key) ?? 0)
      expect(count).toBeGreaterThanOrEqual((exact.get(key) ?? 0) - keys.tooFew)
    }
    expect(
      keys
        .list(3)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['hot 0', 'hot 1', 'hot 2'])
  })
})
