import keySlot from 'cluster-key-slot'
import { SLOT_COUNT } from './slots.ts'

const tags: (string | undefined)[] = new Array(SLOT_COUNT)
let tried = 0

/**
 * A hash tag whose keys are in a slot, the same in every process: the first of `0`, `1`, … `z`, `10`, …
 * that is. Finding the first takes some 2 ms; all that were seen on the way are remembered.
 */
export function tagOfSlot(slot: number): string {
  for (;;) {
    const known = tags[slot]
    if (known !== undefined) return known
    const text = (tried++).toString(36)
    tags[keySlot(text)] ??= text
  }
}
