import keySlot from 'cluster-key-slot'
import { expect, it } from 'vitest'
import { tagOfSlot } from './slot-tags.ts'
import { SLOT_COUNT } from './slots.ts'

it('every slot has a hash tag, the same whenever it is asked for', () => {
  const slots = Array.from({ length: SLOT_COUNT }, (_, index) => (index * 7_919) % SLOT_COUNT)
  const tags = slots.map(tagOfSlot)
  for (const [index, tag] of tags.entries()) {
    expect(keySlot(`sluice:fence:{${tag}}`)).toBe(slots[index])
  }
  expect(slots.map(tagOfSlot)).toEqual(tags)
  expect(Math.max(...tags.map((tag) => tag.length))).toBeLessThan(5)
})

it('a hash tag is the first text of its slot, whatever was asked for before', () => {
  expect(tagOfSlot(keySlot('0'))).toBe('0')
  expect(tagOfSlot(keySlot('1z'))).toBe('1z')
})
