// Random sequences of commands, on every engine and on a model in memory: they answer the same.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { QueueClient } from '../../src/queue/bench.contract.ts'
import { engines, type OpenedEngine } from '../engines.ts'
import { action } from './queue-actions.ts'
import { QueueGame } from './queue-game.ts'

/** On each of five engines; more for once: `SEQUENCES=2000 npx vitest run …`. */
const SEQUENCES = Number(process.env.SEQUENCES ?? 300)
const LONGEST = 30
const TIMEOUT_MS = 900_000

describe.each(engines)('queues on $name', ({ open }) => {
  let opened: OpenedEngine
  let clients: QueueClient[]
  let count = 0
  beforeAll(async () => {
    opened = await open()
    clients = [opened.first, await opened.second()]
  })
  // It looks through all that is stored.
  afterAll(() => opened.close(), TIMEOUT_MS)

  it(`answer as the model does, in ${SEQUENCES} sequences`, { timeout: TIMEOUT_MS }, async () => {
    const sequence = fc.array(action, { minLength: 5, maxLength: LONGEST, size: 'max' })
    const property = fc.asyncProperty(sequence, async (actions) => {
      const game = new QueueGame(opened, clients, `model-${++count}`)
      for (const one of actions) {
        if (!game.isUndecided) await game.play(one)
      }
      if (!game.isUndecided) await game.end()
    })
    await fc.assert(property, { numRuns: SEQUENCES, endOnFailure: false })
  })
})
