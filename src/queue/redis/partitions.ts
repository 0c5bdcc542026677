import keySlot from 'cluster-key-slot'
import { escapePart } from '../../engine/redis/keys.ts'
import { SLOT_COUNT } from '../../engine/redis/slots.ts'
import { partitionName } from '../partitions.ts'

/** How far from its place a partition may be, as a part of the distance to the next one. */
const NEARNESS = 16

/**
 * Names of partitions whose slots are spread evenly over a cluster, so that each of its masters has some
 * where there are as many; the same in every process.
 */
export function spreadPartitions(queue: string, count: number): string[] {
  const first = slotOf(queue)
  return Array.from({ length: count }, (_, partition) => {
    const place = (first + Math.round((partition * SLOT_COUNT) / count)) % SLOT_COUNT
    return partition === 0
      ? queue
      : nameNear(queue, partition, place, SLOT_COUNT / count / NEARNESS)
  })
}

const slotOf = (name: string) => keySlot(`{${escapePart(name)}}`)

function nameNear(queue: string, partition: number, place: number, mostAway: number): string {
  for (let tried = 0; ; tried++) {
    const name = partitionName(queue, partition, lettersOf(tried))
    const away = Math.abs(slotOf(name) - place)
    if (Math.min(away, SLOT_COUNT - away) <= mostAway) return name
  }
}

const lettersOf = (number: number) =>
  [...number.toString(26)]
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)))
    .join('')
