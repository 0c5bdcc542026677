// A keeper and its store, where their messages cross.
import { expect, it, onTestFinished } from 'vitest'
import type { Gate } from '../gate/gate.ts'
import { insideOf } from '../sluice.ts'
import { createTestSluice } from '../testing/index.ts'
import { Consumer, newJob } from './bench.contract.ts'
import { FreeSlots } from './free-slots.ts'
import { Gatekeeper } from './gatekeeper.ts'
import { GATE } from './lot.contract.ts'
import { openQueueStore } from './open.ts'
import type { GateAnswer } from './parking-store.ts'

/** Lets nobody in. */
const shut: Gate = {
  ...{ key: GATE, terms: '{}', demand: '1', isShared: false, isSpent: false },
  enter: (entry) =>
    new Promise((resolve) => entry.signal.addEventListener('abort', () => resolve(null))),
  describe: async () => ({ text: null, line: [] }),
}

it('keeps a gate anew of which it is told while it believes to keep it', async () => {
  const { sluice, clock } = createTestSluice()
  const store = openQueueStore(insideOf(sluice).engine)
  const asked: Promise<GateAnswer[]>[] = []
  const gatekeeper = new Gatekeeper({
    ...{ clock, metadata: '{}', open: () => shut },
    keepGates(gates) {
      const answer = store.keepGates('q', 'here', gates)
      asked.push(answer)
      return answer
    },
    yieldGates: (gates) => store.yieldGates('q', 'here', gates),
    slots: new FreeSlots({ clock, freeSlots: () => 1, ask: () => {} }),
    takesTurns: () => false,
    unpark: async () => null,
    letIn: () => {},
    putBack: async () => {},
  })
  onTestFinished(async () => {
    gatekeeper.stop()
    await gatekeeper.settled()
    await sluice.close()
  })
  const consumer = new Consumer({ clientId: 'here:1:a', queue: store }, 'q', 'epoch')
  await store.add({ queue: 'q', producer: 'p', sequence: 1, jobs: [newJob('1')] })
  const [{ id } = { id: '' }] = await consumer.claim(1)
  const park = { id, gate: GATE, terms: '{}', demand: '1', turnOf: null }

  // It gave the gate up, and parked a job behind it before that was known.
  expect(await consumer.park([park], 'here')).toEqual([{ tag: 'keeper' }])
  gatekeeper.keep(GATE, () => shut, '1', null)
  await store.yieldGates('q', 'here', [GATE])
  const { gates } = await consumer.say({ want: 1 })
  expect(gates).toEqual([GATE])
  gatekeeper.look(gates ?? [])

  await Promise.all(asked)

  // Else nobody is told of it for 4 s once it gives the gate up again.
  expect(await store.keepGates('q', 'there', [GATE])).toMatchObject([{ tag: 'kept' }])
})
