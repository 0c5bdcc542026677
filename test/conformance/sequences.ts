import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { QueueClient } from '../../src/queue/bench.contract.ts'
import { engines, type OpenedEngine } from '../engines.ts'

const LONGEST = 30
const TIMEOUT_MS = 900_000

/** Plays one sequence of commands on an engine and on the model, in a place of its own, and compares what they answer. */
type Play<Action> = (
  opened: OpenedEngine,
  clients: QueueClient[],
  place: string,
  actions: Action[],
) => Promise<void>

/**
 * Random sequences on each of five engines.
 * @param count of sequences; more for once: `SEQUENCES=2000 npx vitest run …`
 */
export function answerAsTheModel<Action>(
  what: string,
  count: number,
  action: fc.Arbitrary<Action>,
  play: Play<Action>,
): void {
  const sequences = Number(process.env.SEQUENCES ?? count)

  describe.each(engines)(`${what} on $name`, ({ open }) => {
    let opened: OpenedEngine
    let clients: QueueClient[]
    let played = 0
    beforeAll(async () => {
      opened = await open()
      clients = [opened.first, await opened.second()]
    })
    // It looks through all that is stored.
    afterAll(() => opened.close(), TIMEOUT_MS)

    it(`answer as the model does, in ${sequences} sequences`, { timeout: TIMEOUT_MS }, async () => {
      const sequence = fc.array(action, { minLength: 5, maxLength: LONGEST, size: 'max' })
      const property = fc.asyncProperty(sequence, (actions) =>
        play(opened, clients, `model-${++played}`, actions),
      )
      await fc.assert(property, { numRuns: sequences, endOnFailure: false })
    })
  })
}
