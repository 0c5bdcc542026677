// Records of a storm, good unless a test says otherwise, and what the checks find in them.
import { check } from './check.js'
import {
  type Add,
  type DeadLetter,
  type Delivery,
  emptyHistory,
  type Fault,
  type History,
  type Scheduled,
} from './history.js'

export const KEY = 'producer-1.1-1'
export const ID = '1795381214452848'

export const add = (rest: Partial<Add> = {}): Add => ({
  ...{ who: 'producer-1.1', queue: 'worked', keys: [KEY], atMs: 0, nature: 'plain' },
  ...{ end: 'ok', ids: [ID], isNew: [true], ...rest },
})
let fence = 0
export const delivery = (beganMs: number, rest: Partial<Delivery> = {}): Delivery => ({
  ...{ who: 'worker-1.1', queue: 'worked', key: KEY, id: ID, fence: ++fence, attempt: 1, beganMs },
  ...rest,
})
export const done = (endedMs: number, rest: Partial<Delivery> = {}): Partial<Delivery> => ({
  ...{ how: 'done', endedMs, ...rest },
})
export const letter = (rest: Partial<DeadLetter> = {}): DeadLetter => ({
  ...{ queue: 'worked', key: KEY, id: ID, reason: 'Error: on purpose', ...rest },
})
export const fault = (hit: string, fromMs: number, toMs = fromMs): Fault => ({
  ...{ what: 'something', hit, fromMs, toMs },
})
export const found = (rest: Partial<History>) =>
  check({ ...emptyHistory(), adds: [add()], ...rest }).map(({ what }) => what)

/** A schedule that went on to its third slot. */
export const scheduled = (rest: Partial<Scheduled> = {}): Scheduled => ({
  ...{ name: 'often', everyMs: 700, firstAtMs: 0.97, lastAtMs: 1_400.97, isMoving: true },
  ...rest,
})
