// Jobs that need gates while processes, connections and the engine fail, short ones, and the checks that
// judge them. The whole run, with a seed to choose: npm run fault -- gates --seed N
import { describe, expect, it } from 'vitest'
import {
  add,
  delivery,
  done,
  fault,
  found,
  GATES,
  held,
  hold,
  KEY,
  LOCK,
  looks,
  METERED,
} from './gates/histories.ts'
import { emptyHistory, PARENT, readParent, readProcess } from './gates/history.js'
import { keyOf, QUEUES, roomOf, userOf } from './gates/plan.js'
import { runGates } from './gates/run.js'
import { ALL, type Delivery } from './queue/history.js'

const RUN_TIMEOUT_MS = 300_000
const fine = [delivery(1, done(2))]
const asMap = (spans: Record<string, { fromMs: number; toMs: number }[]>) =>
  new Map(Object.entries(spans))

describe('a short storm over gates', () => {
  it.each([
    { engine: 'redis', jobs: 800, faults: 16 },
    { engine: 'sqlite', jobs: 300, faults: 8 },
  ] as const)(
    'on $engine finds no two holders, and no job behind a free gate',
    {
      timeout: RUN_TIMEOUT_MS,
    },
    async ({ engine, jobs, faults }) => {
      const run = await runGates({ seed: 7, jobs, faults, engine, calmMs: [300, 1_500] })
      expect(run.violations).toEqual([])
      expect(run.faults.length).toBeGreaterThanOrEqual(faults)
      const { added, ofKeys, holds, mostParked, looks } = run.measures
      expect(added).toBeGreaterThanOrEqual(jobs)
      for (const count of [ofKeys, holds, mostParked, looks]) expect(count).toBeGreaterThan(10)
    },
  )
})

describe('a history in which all is well', () => {
  it('is jobs and callers one after the other', () => {
    const holds = [hold(1, 5), held(5, 9), hold(9, 12, { who: 'worker-2.1' })]
    expect(found({ deliveries: fine, holds })).toEqual([])
  })

  it('is as many jobs at one time as there are permits', () => {
    const [, ofTenant = '', ofAll = ''] = METERED
    expect([roomOf(ofTenant), roomOf(ofAll)]).toEqual([3, 8])
    const of = (gate: string, count: number) =>
      Array.from({ length: count }, (_, index) => hold(index, 10, { gate, fence: null }))
    expect(found({ deliveries: fine, holds: [...of(ofTenant, 3), ...of(ofAll, 8)] })).toEqual([])
  })

  it('is a job that was stopped, and did not know in its first turn what it had lost meanwhile', () => {
    const paused = asMap({ 'worker-1.1': [{ fromMs: 10, toMs: 16_000 }] })
    const stopped = hold(5, 16_010, { fence: 1 })
    const next = hold(15_500, 15_990, { who: 'worker-2.1', fence: 2 })
    expect(found({ deliveries: fine, holds: [stopped, next], paused })).toEqual([])
    const told = { ...stopped, toMs: 16_090, isLost: true }
    expect(found({ deliveries: fine, holds: [told, next], paused })).toEqual([])
    // Let in before the pause, it began after it.
    const late = hold(16_010, 16_020, { fence: 1 })
    expect(found({ deliveries: fine, holds: [next, late], paused })).toEqual([])
  })

  it('is a job that waits while its gate is not free, or others go through it', () => {
    const waited = [delivery(20_000, done(20_001))]
    expect(found({ deliveries: waited, samples: looks(0, 20_000, []) })).toEqual([])
    const holds = [1, 2, 3, 4].map((index) => hold(5_000 * index - 200, 5_000 * index - 100))
    expect(found({ deliveries: waited, samples: looks(0, 20_000, GATES), holds })).toEqual([])
  })

  it('is a job that needs two gates of which one is free', () => {
    const adds = [add({ queue: QUEUES.metered })]
    const deliveries = [delivery(20_000, done(20_001, { queue: QUEUES.metered }))]
    const samples = looks(0, 20_000, METERED.slice(0, 2))
    expect(found({ adds, deliveries, samples })).toEqual([])
  })

  it('is a wait as long as it takes to miss a dead keeper, and who had the job before', () => {
    const samples = looks(0, 30_000, GATES)
    const at = (ms: number, queue = QUEUES.locked) => [delivery(ms, done(ms + 1, { queue }))]
    const faults = [fault('worker-1', 1_000), fault('worker-2', 5_500)]
    expect(found({ deliveries: at(5_900), samples })).toEqual([])
    expect(found({ deliveries: at(12_900), samples, faults })).toEqual([])
    // Who takes by hand has a longer lease, and died before the gate was free.
    const adds = [add({ queue: QUEUES.taken, atMs: -900 })]
    const died = [fault('worker-1', -800)]
    const deliveries = at(20_900, QUEUES.taken)
    expect(found({ adds, deliveries, samples, faults: died })).toEqual([])
  })

  it('is a wait while the engine was away, nobody looked, or one in front of it ran', () => {
    const samples = looks(0, 20_000, GATES)
    const deliveries = [delivery(20_000, done(20_001))]
    const paused = asMap({ [PARENT]: [{ fromMs: 1_000, toMs: 19_000 }] })
    expect(found({ deliveries, samples, paused })).toEqual([])
    expect(found({ deliveries, samples, faults: [fault(ALL, 1_000, 19_000)] })).toEqual([])
    const blind = [...looks(0, 1_000, GATES), ...looks(19_000, 20_000, GATES)]
    expect(found({ deliveries, samples: blind })).toEqual([])
    const strand = { strand: 'producer-1.1/user:3' }
    const before = keyOf('producer-1.1', 0, 3)
    const adds = [add({ ...strand, keys: [before], ids: ['0'] }), add(strand)]
    const first = delivery(0, done(19_900, { key: before, id: '0', fence: 0 }))
    const both = { deliveries: [first, ...deliveries], quietMs: 0 }
    expect(found({ adds, ...both, samples })).toEqual([])
  })
})

describe('a bad history', () => {
  it('has two holders of one lock: jobs, callers, or one of each', () => {
    const two = (ms: number) => [`${LOCK} had two holders for ${ms}.000 ms`]
    const other = { who: 'worker-2.1' }
    expect(found({ deliveries: fine, holds: [hold(1, 9), hold(5, 12, other)] })).toEqual(two(4))
    expect(found({ deliveries: fine, holds: [hold(1, 9), held(7, 8)] })).toEqual(two(1))
    expect(found({ deliveries: fine, holds: [held(1, 9), hold(3, 12, other)] })).toEqual(two(6))
    // Somebody else stood still, or it was before, or it goes on long after.
    const holds = [hold(5, 16_010), hold(15_500, 16_000, other)]
    const pause = { fromMs: 10, toMs: 16_000 }
    const elsewhere = asMap({ 'worker-2.1': [{ fromMs: 10, toMs: 15_000 }] })
    expect(found({ deliveries: fine, holds, paused: elsewhere })).toEqual(two(500))
    const goesOn = [hold(5, 17_000), hold(16_500, 16_600, other)]
    const paused = asMap({ 'worker-1.1': [pause] })
    expect(found({ deliveries: fine, holds: goesOn, paused })).toEqual(two(100))
    // The end that a lease states does not wait for a process.
    const stated = [held(5, 16_010, { who: 'worker-1.1' }), hold(15_500, 16_000, other)]
    expect(found({ deliveries: fine, holds: stated, paused })).toEqual(two(500))
  })

  it('has one more than there are permits', () => {
    const gate = METERED[1] ?? ''
    const holds = [1, 2, 3, 4].map((at) => hold(at, 20 + at, { gate, fence: null }))
    expect(found({ deliveries: fine, holds })).toEqual([
      `${gate} had 4 holders, where 3 have room, for 17.000 ms`,
    ])
  })

  it('has a fence twice, and one that is lower than that of a holder before', () => {
    const again = [hold(1, 5, { fence: 7 }), held(200, 210, { fence: 7 })]
    expect(found({ deliveries: fine, holds: again })).toEqual([`lock ${LOCK} gave fence 7 twice`])
    const lower = [`lock ${LOCK} gave fence 7 after 9`]
    const callers = [hold(1, 5, { fence: 9 }), held(200, 210, { fence: 7 })]
    expect(found({ deliveries: fine, holds: callers })).toEqual(lower)
    const jobs = [held(1, 5, { fence: 9 }), hold(200, 210, { fence: 7 })]
    expect(found({ deliveries: fine, holds: jobs })).toEqual(lower)
  })

  it('has a job behind a free gate', () => {
    const samples = looks(0, 30_000, GATES)
    const at = (ms: number) => [delivery(ms, done(ms + 1))]
    const stuck = (ms: number, count = 0, gate = LOCK) =>
      `job ${KEY} waited ${ms} ms for ${gate}, which was free, with ${count} faults meanwhile`
    expect(found({ deliveries: at(6_100), samples })).toEqual([stuck(6_100)])
    const faults = [1, 2, 3].map((second) => fault('worker-1', second * 1_000))
    const one = faults.slice(0, 1)
    expect(found({ deliveries: at(13_100), samples, faults: one })).toEqual([stuck(13_100, 1)])
    expect(found({ deliveries: at(13_100), samples, faults })).toEqual([stuck(13_100, 3)])
    // Somebody died before the job was there, or so long before that it was back.
    const died = [fault('worker-1', -2_100)]
    const adds = [add({ atMs: -5_000 })]
    expect(found({ adds, deliveries: at(6_100), samples, faults: died })).toEqual([stuck(6_100)])
    const early = [fault('worker-1', -100)]
    expect(found({ deliveries: at(6_100), samples, faults: early })).toEqual([stuck(6_100)])
    // Of a server that was away for a second three more are for connecting.
    const away = [fault(ALL, 1_000, 2_000)]
    expect(found({ deliveries: at(10_100), samples, faults: away })).toEqual([stuck(6_100)])
    // For ever.
    expect(found({ samples })).toContain(stuck(30_000))
    // Not before all of its gates are free.
    const metered = { queue: QUEUES.metered }
    const other = [add(metered)]
    const later = [...looks(0, 4_000, METERED.slice(0, 2)), ...looks(4_250, 30_000, METERED)]
    const deliveries = [delivery(10_300, done(10_301, metered))]
    expect(found({ adds: other, deliveries, samples: later })).toEqual([stuck(6_050)])
  })

  it('has a job behind a free gate that failed before, or whose first one has ended', () => {
    const samples = looks(0, 30_000, GATES)
    const failed = delivery(1, { how: 'failed', endedMs: 2 })
    const retried = delivery(8_002, done(8_003, { attempt: 2 }))
    const waited = (ms: number) =>
      `job ${KEY} waited ${ms} ms for ${LOCK}, which was free, with 0 faults meanwhile`
    expect(found({ deliveries: [failed, retried], samples })).toEqual([waited(7_900)])
    const strand = { strand: 'producer-1.1/user:3' }
    const before = keyOf('producer-1.1', 0, 3)
    const adds = [add({ ...strand, keys: [before], ids: ['0'] }), add(strand)]
    const first: Delivery = delivery(0, done(1_000, { key: before, id: '0' }))
    const second = delivery(9_000, done(9_001))
    expect(found({ adds, deliveries: [first, second], samples })).toEqual([waited(8_000)])
  })

  it('has a job whose first attempt is not the first one', () => {
    expect(found({ deliveries: [delivery(1, done(2, { attempt: 2 }))] })).toEqual([
      `job ${KEY} began with attempt 2`,
    ])
  })

  it('has what is bad in any storm', () => {
    expect(found({})).toEqual([`job ${KEY} was added, and is lost`])
    const twice = [delivery(1, done(2, { answer: 'ok' })), delivery(3, done(4))]
    expect(found({ deliveries: twice, faults: [fault(ALL, 0)] })).toEqual([
      `job ${KEY} was acknowledged, and came again`,
    ])
    const strand = { strand: 'k' }
    const adds = [add({ ...strand, keys: ['a@3'], ids: ['0'] }), add(strand)]
    const ahead = [delivery(1, done(9, { key: 'a@3', id: '0' })), delivery(5, done(6))]
    expect(found({ adds, deliveries: ahead })).toEqual([
      `job a@3 of key k had not ended when ${KEY} began, which is behind it`,
    ])
  })
})

describe('the record of a storm over gates', () => {
  const write = (lines: unknown[][], rest = '') =>
    `${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}${rest}`

  it('knows the user of a job by its key', () => {
    expect(userOf(keyOf('producer-2.11', 7, 42))).toBe(42)
  })

  it('puts holds of jobs and callers together, as far as their processes wrote', () => {
    const all = emptyHistory()
    const began = (atMs: number, number: number) => [
      ['began', atMs, number, 'locked', `${number}@3`, `${number}`, 70 + number, 1],
      ['entered', atMs, number, [[LOCK, number]]],
    ]
    readProcess(
      all,
      'worker-1.1',
      write(
        [
          ...began(1, 1),
          ['ended', 2, 1, 'done'],
          ['told', 9, 1],
          ...began(3, 2),
          ['told', 5, 2],
          ['ended', 6, 2, 'done'],
          ...began(7, 3),
          ['paused', 8, 7.5],
          ['stalled', 9, 8],
        ],
        '["ended",10,3',
      ),
    )
    readProcess(
      all,
      'holder-1.1',
      write([
        ['acquired', 20, 1, 'user:3', 8, 19, 1_500],
        ['releasing', 30, 1, 1_510],
        ['released', 31, 1, 'released'],
        ['missed', 40, 'user:3', 35, 'taken'],
        ['acquired', 50, 2, 'user:3', 9, 45, 60],
        ['told', 62, 2, 'expired', 0],
        ['acquired', 70, 3, 'user:3', 10, 65, 1_600],
        ['crashed', 80, 'oh'],
      ]),
    )
    readParent(
      all,
      write([
        ['seen', 5, [LOCK], 4],
        ['paused', 9, 6],
        ['fault', 20, 'CLIENT KILL', 10, ALL],
        ['quiet', 21],
      ]),
    )
    const job = { who: 'worker-1.1', gate: LOCK }
    const caller = { who: 'holder-1.1', gate: LOCK, by: 'caller' }
    expect(all.holds).toEqual([
      { ...job, by: '1@3', fence: 1, fromMs: 1, toMs: 2, isLost: false },
      { ...job, by: '2@3', fence: 2, fromMs: 3, toMs: 5, isLost: true },
      { ...job, by: '3@3', fence: 3, fromMs: 7, toMs: 9, isLost: false },
      { ...caller, fence: 8, invokedMs: 19, fromMs: 20, toMs: 30, isLost: false },
      { ...caller, fence: 9, invokedMs: 45, fromMs: 50, toMs: 60, isLost: true },
      { ...caller, fence: 10, invokedMs: 65, fromMs: 70, toMs: 80, isLost: false },
    ])
    expect(all).toMatchObject({ misses: 1, samples: [{ atMs: 5, free: [LOCK], parked: 4 }] })
    expect([...all.paused]).toEqual([
      ['worker-1.1', [{ fromMs: 7.5, toMs: 8 }]],
      ['holder-1.1', []],
      [PARENT, [{ fromMs: 6, toMs: 9 }]],
    ])
    expect(all.jobs.deliveries.map(({ key }) => key)).toEqual(['1@3', '2@3', '3@3'])
    expect(all.jobs).toMatchObject({ quietMs: 21, crashes: [{ message: 'oh' }] })
  })
})
