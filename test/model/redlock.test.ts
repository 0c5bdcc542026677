// What the model of Redlock says: nothing goes wrong, and for each rule what goes wrong without it, by
// a shortest way. The whole of it: npm run model
import { describe, expect, it } from 'vitest'
import { explore } from './explorer.js'
import { redlockModel } from './redlock.js'
import { BROKEN, SAFE } from './redlock-worlds.js'

/** Some tens of thousands of states, on a machine that does other work besides. */
const PATIENCE_MS = 60_000

describe('the model of Redlock', () => {
  it.each(SAFE)('$name: $claim', { timeout: PATIENCE_MS }, ({ world, small }) => {
    const found = explore(redlockModel({ ...world, ...small }))
    expect(found).toMatchObject({ isComplete: true, problem: null })
    expect(found.states).toBeGreaterThan(10_000)
  })
})

const TRACES: [without: string, what: string, trace: string[]][] = [
  [
    'the drift',
    'A and B hold it at once',
    [
      'A asks all nodes',
      'B asks all nodes',
      'node 1 votes for A, counter 1',
      'the clock of node 1 gains a tick',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and holds it for 3',
      'node 3 votes for B, counter 1',
      'a tick passes',
      'a tick passes',
      'node 1 votes for B, counter 2',
      'B has the votes of nodes 1 and 3, and holds it for 1',
    ],
  ],
  [
    'the time that the votes took',
    'A and B hold it at once',
    [
      'A asks all nodes',
      'B asks all nodes',
      'node 1 votes for A, counter 1',
      'the clock of node 1 gains a tick',
      'node 2 votes for A, counter 1',
      'node 3 votes for B, counter 1',
      'a tick passes',
      'A has the votes of nodes 1 and 2, and holds it for 2',
      'a tick passes',
      'node 1 votes for B, counter 2',
      'B has the votes of nodes 1 and 3, and holds it for 2',
    ],
  ],
  [
    'the refusal of a lease that is over',
    'A got a lease that is over',
    [
      'A asks all nodes',
      'node 1 votes for A, counter 1',
      'node 2 votes for A, counter 1',
      'a tick passes',
      'a tick passes',
      'A has the votes of nodes 1 and 2, and holds it for 0',
    ],
  ],
  [
    'another look at the time after the fence',
    'A and B hold it at once',
    [
      'A asks all nodes',
      'node 1 votes for A, counter 1',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and writes fence 2 back',
      'node 1 takes fence 2 of A',
      'node 2 takes fence 2 of A',
      'a tick passes',
      'A has its fence on a majority, and holds it for 2 with fence 2',
      'B asks all nodes',
      'node 3 votes for B, counter 1',
      'a tick passes',
      'node 1 votes for B, counter 3',
      'B has the votes of nodes 1 and 3, and writes fence 4 back',
      'node 1 takes fence 4 of B',
      'node 3 takes fence 4 of B',
      'B has its fence on a majority, and holds it for 1 with fence 4',
    ],
  ],
  [
    'the write-back of the fence',
    'B got fence 3 after 5',
    [
      'A asks all nodes',
      'node 1 votes for A, counter 4',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and holds it with fence 5',
      'B asks all nodes',
      'the lease on node 2 ends by its clock',
      'node 2 votes for B, counter 2',
      'node 3 votes for B, counter 1',
      'B has the votes of nodes 2 and 3, and holds it with fence 3',
    ],
  ],
  [
    'the owner in the write-back',
    'fence 5 was given twice',
    [
      'A asks all nodes',
      'B asks all nodes',
      'node 1 votes for A, counter 4',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and writes fence 5 back',
      'node 1 takes fence 5 of A',
      'the lease on node 2 ends by its clock',
      'node 2 votes for B, counter 2',
      'node 2 takes fence 5 of A',
      'A has its fence on a majority, and holds it with fence 5',
      'node 3 votes for B, counter 4',
      'B has the votes of nodes 2 and 3, and writes fence 5 back',
      'node 2 takes fence 5 of B',
      'node 3 takes fence 5 of B',
      'B has its fence on a majority, and holds it with fence 5',
    ],
  ],
  [
    'the delayed restart',
    'A and B hold it at once',
    [
      'A asks all nodes',
      'B asks all nodes',
      'node 1 votes for A, counter 1',
      'node 1 comes back without its data',
      'node 1 votes for B, counter 2',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and holds it for 2',
      'node 3 votes for B, counter 1',
      'B has the votes of nodes 1 and 3, and holds it for 2',
    ],
  ],
  [
    'the fence at what the lock protects',
    'A wrote over what a later holder wrote',
    [
      'A asks all nodes',
      'node 1 votes for A, counter 1',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and writes fence 2 back',
      'node 1 takes fence 2 of A',
      'node 2 takes fence 2 of A',
      'A has its fence on a majority, and holds it for 2 with fence 2',
      'a tick passes',
      'B asks all nodes',
      'node 3 votes for B, counter 1',
      'a tick passes',
      'node 1 votes for B, counter 3',
      'B has the votes of nodes 1 and 3, and writes fence 4 back',
      'node 1 takes fence 4 of B',
      'node 3 takes fence 4 of B',
      'B has its fence on a majority, and holds it for 1 with fence 4',
      'B writes with fence 4',
      'A writes with fence 2, after its lease',
    ],
  ],
  [
    'the fences of a node, and with its clock behind them',
    'fence 2 was given twice',
    [
      'A asks all nodes',
      'B asks all nodes',
      'node 1 votes for A, counter 1',
      'node 2 votes for A, counter 1',
      'A has the votes of nodes 1 and 2, and writes fence 2 back',
      'node 1 takes fence 2 of A',
      'node 1 comes back without its data',
      'node 1 votes for B, counter 1',
      'node 2 takes fence 2 of A',
      'A has its fence on a majority, and holds it with fence 2',
      'node 3 votes for B, counter 1',
      'B has the votes of nodes 1 and 3, and writes fence 2 back',
      'node 1 takes fence 2 of B',
      'node 3 takes fence 2 of B',
      'B has its fence on a majority, and holds it with fence 2',
    ],
  ],
]

describe('without', () => {
  it.each(TRACES)('%s: %s', { timeout: PATIENCE_MS }, (without, what, trace) => {
    const broken = BROKEN.find((one) => one.without === without)
    const found = explore(redlockModel(broken?.world, broken?.rules))
    expect(found.problem).toEqual({ what, trace })
  })

  it('any of them, each rule has a trace', () => {
    expect(TRACES.map(([without]) => without)).toEqual(BROKEN.map(({ without }) => without))
  })
})
