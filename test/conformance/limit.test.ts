import { describe } from 'vitest'
import { callsContract } from '../../src/limit/calls.contract.ts'
import { countedContract } from '../../src/limit/counted.contract.ts'
import { limitContract } from '../../src/limit/limit.contract.ts'
import { severalContract } from '../../src/limit/several.contract.ts'
import type { LimitStore } from '../../src/limit/store.ts'
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
    takeSeveral: (request) => ofThisTurn().takeSeveral(request),
    takeAtMost: (request) => ofThisTurn().takeAtMost(request),
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
})
