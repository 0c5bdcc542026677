// Records of a storm over gates, good unless a test says otherwise, and what the checks find in them.
import * as ofJobs from '../queue/histories.ts'
import type { Add, Delivery } from '../queue/history.js'
import { check } from './check.js'
import { emptyHistory, type History, type Hold, type Sample } from './history.js'
import { gatesOf, QUEUES } from './plan.js'

export { done, fault } from '../queue/histories.ts'

/** Of user 3. */
export const KEY = 'producer-1.1-1@3'
export const GATES = gatesOf(QUEUES.locked, 3)
export const METERED = gatesOf(QUEUES.metered, 3)
export const LOCK = 'lock:user:3'

export const add = (rest: Partial<Add> = {}): Add =>
  ofJobs.add({ queue: QUEUES.locked, keys: [KEY], ...rest })
export const delivery = (beganMs: number, rest: Partial<Delivery> = {}): Delivery =>
  ofJobs.delivery(beganMs, { queue: QUEUES.locked, key: KEY, ...rest })

let fence = 0
export const hold = (fromMs: number, toMs: number, rest: Partial<Hold> = {}): Hold => ({
  ...{ who: 'worker-1.1', gate: LOCK, by: KEY, fence: ++fence, fromMs, toMs, isLost: false },
  ...rest,
})
export const held = (fromMs: number, toMs: number, rest: Partial<Hold> = {}): Hold =>
  hold(fromMs, toMs, { who: 'holder-1.1', by: 'caller', invokedMs: fromMs - 1, ...rest })

/** Looks at all gates, four in a second, of which some are free. */
export const looks = (fromMs: number, toMs: number, free: readonly string[]): Sample[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / 250) + 1 }, (_, index) => ({
    ...{ atMs: fromMs + index * 250, free: [...free], parked: 1 },
  }))

type Parts = Partial<Omit<History, 'jobs'>> & Partial<History['jobs']>

export function historyOf({ holds, misses, samples, paused, ...jobs }: Parts): History {
  const empty = emptyHistory()
  return {
    ...empty,
    ...(holds && { holds }),
    ...(misses && { misses }),
    ...(samples && { samples }),
    ...(paused && { paused }),
    jobs: { ...empty.jobs, adds: [add()], ...jobs },
  }
}
export const found = (parts: Parts) => check(historyOf(parts)).map(({ what }) => what)
