import { describe } from 'vitest'
import { callsContract } from '../../src/limit/calls.contract.ts'
import { changedContract } from '../../src/limit/changed.contract.ts'
import { countedContract } from '../../src/limit/counted.contract.ts'
import { limitContract } from '../../src/limit/limit.contract.ts'
import { plannedContract } from '../../src/limit/planned.contract.ts'
import { severalContract } from '../../src/limit/several.contract.ts'
import type { LimitStore } from '../../src/limit/store.ts'
import { timesContract } from '../../src/limit/times.contract.ts'
import { engines } from '../engines.ts'

/** Calls of one tick go to one client, those of the next tick to the other. */
function takingTurns(first: LimitStore, second: LimitStore): LimitStore {
  let [current, next] = [first, second]
  let isInTurn = false
  function ofThisTurn(): LimitStore {
    if (!isInTurn) {
      isInTurn = true
      setImmediate(() => {
        isInTurn = false
        ;[current, next] = [next, current]
      })
    }
    return current
  }
  return {
    take: (request) => ofThisTurn().take(request),
    takeTimes: (request, times) => ofThisTurn().takeTimes(request, times),
    takeSeveral: (request) => ofThisTurn().takeSeveral(request),
    takeAtMost: (request) => ofThisTurn().takeAtMost(request),
    takeTogether: (request) => ofThisTurn().takeTogether(request),
    reserve: (request) => ofThisTurn().reserve(request),
    cancel: (request) => ofThisTurn().cancel(request),
    penalize: (request) => ofThisTurn().penalize(request),
    block: (request) => ofThisTurn().block(request),
    renewLeases: (request) => ofThisTurn().renewLeases(request),
    releaseLeases: (request) => ofThisTurn().releaseLeases(request),
    onDoubt: (listener) => first.onDoubt(listener),
    resetSince: (sinceMs) => first.resetSince(sinceMs),
    reset: (request) => ofThisTurn().reset(request),
    list: (limit) => ofThisTurn().list(limit),
  }
}

describe.each(engines)('limits on $name', ({ open }) => {
  async function openTwice() {
    const opened = await open()
    const second = await opened.second()
    return {
      store: takingTurns(opened.first.limit, second.limit),
      clock: opened.clock,
      close: () => opened.close(),
    }
  }
  limitContract(openTwice)
  describe('steps and slices', () => countedContract(openTwice))
  describe('together', () => severalContract(openTwice))
  describe('other calls', () => callsContract(openTwice))
  describe('what comes', () => plannedContract(openTwice))
  describe('rules that change', () => changedContract(openTwice))
  describe('equal takes at once', () => timesContract(openTwice))
})
