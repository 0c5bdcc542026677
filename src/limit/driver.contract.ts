/** How the suites of `*.contract.ts` drive a store. */

import { afterEach, beforeEach, expect } from 'vitest'
import type { TestClock } from '../testing/clock.ts'
import type { Admission, Oracle, Step } from './oracle.contract.ts'
import { type Rule, readRule, slidingLog } from './rules.ts'
import type { LimitStore, StoredRule, TakeAnswer } from './store.ts'

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedLimitStore {
  store: LimitStore
  clock: TestClock
  close(): Promise<void>
}

export type OpenLimitStore = () => OpenedLimitStore | Promise<OpenedLimitStore>

export const admittedOnly = (answer: TakeAnswer) => answer.allowed

/** Opens a store for each test of the group that it is called in. */
export function driveStore(open: OpenLimitStore) {
  let opened: OpenedLimitStore
  let keyCount = 0
  beforeEach(async () => {
    opened = await open()
  })
  afterEach(() => opened.close())

  const newKey = () => `key-${keyCount++}`
  const later = (us: number) => opened.clock.advance(us / 1000)
  /** Sends the takes of one tick, in order. */
  const takeAll = (rule: StoredRule, key: string, costs: number[], peek = false) =>
    Promise.all(
      costs.map((cost) => opened.store.take({ limiter: 'contract', key, rule, cost, peek })),
    )
  const take = async (rule: StoredRule, key: string, cost = 1) =>
    only(await takeAll(rule, key, [cost]))
  const peek = async (rule: StoredRule, key: string, cost = 1) =>
    only(await takeAll(rule, key, [cost], true))

  /** Plays the steps and answers what was admitted, when, in whole units. */
  async function admissions(rule: StoredRule, steps: Step[]): Promise<Admission[]> {
    const key = newKey()
    const admitted: Admission[] = []
    let atUs = 0
    for (const { pauseUs, costs } of steps) {
      await later(pauseUs)
      atUs += pauseUs
      const answers = await takeAll(rule, key, costs)
      answers.forEach(({ allowed }, index) => {
        if (allowed) admitted.push({ atUs, units: costs[index] ?? 0 })
      })
    }
    return admitted
  }

  /** Plays the steps on a new key and on the oracle. */
  async function compare(rule: StoredRule, steps: Step[], oracle: Oracle): Promise<void> {
    const key = newKey()
    let atUs = 0
    for (const { pauseUs, costs } of steps) {
      await later(pauseUs)
      atUs += pauseUs
      expect(await takeAll(rule, key, costs)).toEqual(costs.map((cost) => oracle(atUs, cost)))
    }
  }

  return {
    get store() {
      return opened.store
    },
    get clock() {
      return opened.clock
    },
    ...{ newKey, later, takeAll, take, peek, admissions, compare },
  }
}

function only(answers: TakeAnswer[]): TakeAnswer {
  const [answer] = answers
  if (!answer || answers.length > 1) throw new Error(`${answers.length} answers instead of one`)
  return answer
}

/** A rule as stores know it. */
export const stored = (rule: Rule) => readRule(rule, 'rule')

/** A sliding log for so few units, kept as the logs for many are. */
export const longLog = (options: Parameters<typeof slidingLog>[0]): StoredRule => ({
  ...(stored(slidingLog(options)) as StoredRule & { kind: 'slidingLog' }),
  isLong: true,
})
