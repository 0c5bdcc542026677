// What the model of gates says: nothing goes wrong, and for each rule what goes wrong without it, by a
// shortest way. The whole of it: npm run model
import { describe, expect, it } from 'vitest'
import { explore } from './explorer.js'
import { gatesModel } from './gates.js'
import { BROKEN, SAFE } from './gates-worlds.js'

/** Up to 200,000 states, on a machine that does other work besides. */
const PATIENCE_MS = 60_000

describe('the model of gates', () => {
  it.each(SAFE)('$name: $claim', { timeout: PATIENCE_MS }, ({ world, small, rules }) => {
    const found = explore(gatesModel({ ...world, ...small }, rules))
    expect(found).toMatchObject({ isComplete: true, problem: null })
    expect(found.states).toBeGreaterThan(10_000)
  })
})

const STUCK = 'nothing leads to the end of all jobs any more'

const TRACES: [without: string, what: string, trace: string[]][] = [
  [
    'the look',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W2 for job 2 hears that it waits for A, and parks it',
      'job 2 of W2 is parked behind A',
      'W2 crashes',
    ],
  ],
  [
    'the time limit of a keeper',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W2 for job 2 hears that it waits for A, and parks it',
      'job 2 of W2 is parked behind A',
      'W2 crashes',
    ],
  ],
  ['the lease of a worker on its jobs', STUCK, ['W1 claims job 1', 'W1 crashes']],
  [
    'the lease on a gate',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W1 crashes',
    ],
  ],
  [
    'counting leases, who stood still believes in them',
    'who believes to hold A does not',
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it holds A, and asks for B',
      'W1 stands still for longer than its leases',
    ],
  ],
  [
    'the claim lease of a hand-over',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W1 for job 1 asks at A',
      'W2 for job 2 hears that it holds A, and runs it',
      'W2 has run job 2',
      'what W2 gave up of A arrives',
      'the message that A was handed over is lost',
    ],
  ],
  [
    'giving back what was got before parking',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it holds A, and asks for B',
      'W1 for job 1 asks at B',
      'W1 for job 1 hears that it holds B, and runs it',
      'W1 has run job 1',
      'W1 claims job 2',
      'W1 hears that it has job 2, and asks for A',
      'W2 claims job 3',
      'W2 hears that it has job 3, and asks for B',
      'W2 for job 3 asks at B',
      'W2 for job 3 hears that it waits for B, and parks it',
      'job 3 of W2 is parked behind B',
      'what W1 gave up of A arrives',
      'W1 for job 2 asks at A',
      'W1 for job 2 hears that it holds A, and parks it behind B',
      'job 2 of W1 is parked behind B',
    ],
  ],
  [
    'the number of an unpark',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it waits for A, and parks it',
      'job 1 of W1 is parked behind A',
      'W1 hears of the park behind A, and keeps it',
      'W2 for job 2 hears that it holds A, and runs it',
      'W2 has run job 2',
      'what W2 gave up of A arrives',
      'W1 as keeper hears that it holds A, and unparks',
      'W1 unparks job 1 from A, and that is said again',
    ],
  ],
  [
    'the number of a park',
    'W2 runs job 2, which is not in flight there',
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it holds A, and asks for B',
      'W1 for job 1 asks at B',
      'W1 for job 1 hears that it holds B, and runs it',
      'W1 has run job 1',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W2 for job 2 hears that it waits for A, and parks it',
      'job 2 of W2 is parked behind A, and that is said again',
      'W2 hears of the park behind A, and keeps it',
      'what W1 gave up of A arrives',
      'W2 as keeper hears that it holds A, and unparks',
      'W2 unparks job 2 from A',
      'W2 hears that it has job 2 from A, and runs it',
      'a late park of job 2 arrives',
    ],
  ],
  [
    'free parking',
    'job 2 has spent an attempt, and never ran',
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W1 for job 1 asks at A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W2 for job 2 hears that it waits for A, and parks it',
      'job 2 of W2 is parked behind A',
    ],
  ],
  [
    'forgetting the keeper of an empty gate, a job waits for its time to be over',
    STUCK,
    [
      'W1 claims job 1',
      'W1 hears that it has job 1, and asks for A',
      'W2 claims job 2',
      'W2 hears that it has job 2, and asks for A',
      'W2 for job 2 asks at A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it waits for A, and parks it',
      'job 1 of W1 is parked behind A',
      'W1 hears of the park behind A, and keeps it',
      'W1 claims job 3',
      'W1 hears that it has job 3, and asks for B',
      'W1 for job 3 asks at B',
      'W1 for job 3 hears that it holds B, and runs it',
      'W1 has run job 3',
      'W2 for job 2 hears that it holds A, and asks for B',
      'W2 for job 2 asks at B',
      'W2 for job 2 hears that it waits for B, and parks it',
      'job 2 of W2 is parked behind B',
      'W2 hears of the park behind B, and keeps it',
      'what W2 gave up of A arrives',
      'W1 as keeper hears that it holds A, and unparks',
      'W1 unparks job 1 from A',
      'what W1 gave up of B arrives',
      'W2 as keeper hears that it holds B, and unparks',
      'W2 unparks job 2 from B',
      'W2 hears that it has job 2 from B, and parks it behind A',
    ],
  ],
  [
    'going on when it hears that it is keeper, a job waits for the same',
    STUCK,
    [
      'W1 claims job 1',
      'W1 claims job 2',
      'W1 hears that it has job 1, and asks for A',
      'W1 hears that it has job 2, and parks it behind A',
      'job 2 of W1 is parked behind A',
      'W1 hears of the park behind A, and keeps it',
      'W1 as keeper asks at A',
      'W1 for job 1 asks at A',
      'W1 for job 1 hears that it waits for A, and parks it',
      'W1 as keeper hears that it holds A, and unparks',
      'W1 unparks job 2 from A',
      'job 1 of W1 is parked behind A',
      'W1 hears of the park behind A, and leaves that line',
    ],
  ],
]

describe('without', () => {
  it.each(TRACES)('%s', { timeout: PATIENCE_MS }, (without, what, trace) => {
    const broken = BROKEN.find((one) => one.without === without)
    const found = explore(gatesModel(broken?.world, broken?.rules))
    expect(found.problem).toEqual({ what, trace })
  })

  it('any of them, each rule has a trace', () => {
    expect(TRACES.map(([without]) => without)).toEqual(BROKEN.map(({ without }) => without))
  })
})
