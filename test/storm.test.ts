// Queues in a storm, short ones; all of it, with a seed to choose: npm run fault -- queue --seed N
import { describe, expect, it } from 'vitest'
import { measure } from './fault/queue/check.js'
import {
  add,
  delivery,
  done,
  fault,
  found,
  ID,
  KEY,
  letter,
  scheduled,
} from './fault/queue/histories.ts'
import { ALL, emptyHistory, readParent, readProcess } from './fault/queue/history.js'
import { runStorm } from './fault/queue/run.js'

const RUN_TIMEOUT_MS = 300_000

describe('a short storm', () => {
  it.each([
    { engine: 'redis', jobs: 600, faults: 25, kinds: 20 },
    { engine: 'sqlite', jobs: 300, faults: 8, kinds: 6 },
  ] as const)(
    'on $engine loses no job, and ends none twice',
    {
      timeout: RUN_TIMEOUT_MS,
    },
    async ({ engine, jobs, faults, kinds }) => {
      const storm = await runStorm({ seed: 5, jobs, faults, engine, calmMs: [100, 600] })
      for (const what of storm.skipped) console.warn(`left out: ${what}`)
      expect(storm.violations).toEqual([])
      expect(storm.measures.added).toBeGreaterThanOrEqual(jobs)
      expect(storm.faults.length).toBeGreaterThanOrEqual(faults)
      expect(storm.kinds).toBeGreaterThanOrEqual(kinds)
    },
  )
})

describe('a history in which all is well', () => {
  it('is one job, done once', () => {
    expect(found({ deliveries: [delivery(1, done(2))] })).toEqual([])
  })

  it('is a job that failed, was tried again, and is done', () => {
    const first = delivery(1, { how: 'failed', endedMs: 2 })
    expect(found({ deliveries: [first, delivery(100, done(101, { attempt: 2 }))] })).toEqual([])
    // Its time was over before its handler came back.
    const late = [delivery(1, done(1_501)), delivery(1_700, done(1_701, { attempt: 2 }))]
    expect(found({ deliveries: late })).toEqual([])
  })

  it('is a job whose worker was killed', () => {
    const deliveries = [delivery(1), delivery(2_000, done(2_001, { who: 'worker-2.1' }))]
    expect(found({ deliveries, faults: [fault('worker-1', 5)] })).toEqual([])
  })

  it('is a job that nobody knows of, whose add got no answer or happened to be refused', () => {
    expect(found({ adds: [add({ end: 'unknown' })] })).toEqual([])
    expect(found({ adds: [add({ end: 'fail' })] })).toEqual([])
  })

  it('is a dead job that failed, and one that killed its workers', () => {
    const failed = delivery(1, { how: 'failed', endedMs: 2 })
    expect(found({ deliveries: [failed], dead: [letter()] })).toEqual([])
    const faults = [1, 2, 3, 4].map((index) => fault(`worker-${index}`, 5_000 * index))
    const deliveries = [1, 2, 3, 4].map((index) =>
      delivery(5_000 * index, { who: `worker-${index}.1` }),
    )
    const dead = [letter({ reason: 'its worker crashed 3 times' })]
    expect(found({ adds: [add({ nature: 'poison' })], deliveries, dead, faults })).toEqual([])
  })
})

describe('a bad history', () => {
  it('has a job that was added and is lost', () => {
    expect(found({})).toEqual([`job ${KEY} was added, and is lost`])
    // Also one that was begun, by somebody who did not end it.
    expect(found({ deliveries: [delivery(1)] })).toEqual([`job ${KEY} was added, and is lost`])
    const unknown = add({ end: 'unknown' })
    expect(found({ adds: [unknown], deliveries: [delivery(1)] })).toEqual([
      `job ${KEY} was added, and is lost`,
    ])
  })

  it('has a job that nobody added, or that was told not to be added', () => {
    const deliveries = [delivery(1, done(2))]
    expect(found({ adds: [], deliveries })).toEqual([`job ${KEY} exists, and nobody added it`])
    expect(found({ adds: [add({ end: 'fail' })], deliveries })).toEqual([
      `job ${KEY} exists, and its add was told not to have happened`,
    ])
  })

  it('has a job with two ends', () => {
    const acked = delivery(1, done(2, { answer: 'ok' }))
    const faults = [fault(ALL, 0)]
    const twice = `job ${KEY} was acknowledged, and came again`
    expect(found({ deliveries: [acked, delivery(9, done(10))], faults })).toEqual([twice])
    const reason = 'its worker crashed 3 times'
    expect(found({ deliveries: [acked], dead: [letter({ reason })] })).toContain(twice)
    const failed = delivery(1, { how: 'failed', endedMs: 2 })
    expect(found({ deliveries: [failed], dead: [letter(), letter()] })).toEqual([
      `job ${KEY} is dead twice`,
    ])
  })

  it('has a dead job that nothing happened to', () => {
    const deliveries = [delivery(1, done(2))]
    expect(found({ deliveries, dead: [letter()] })).toEqual([
      `job ${KEY} is dead, and did not fail`,
    ])
    expect(found({ deliveries, dead: [letter({ reason: 'crashed 3 times' })] })).toEqual([
      `job ${KEY} is dead of crashes, and nobody crashed with it`,
    ])
  })

  it('has a job that was added twice, and two jobs of one id', () => {
    const deliveries = [delivery(1, done(2)), delivery(3, done(4, { id: '7' }))]
    expect(found({ deliveries, faults: [fault(ALL, 0)] })).toEqual([
      `job ${KEY} has the ids ${ID} and 7: it was added twice`,
    ])
    const other = add({ keys: ['other'] })
    const both = [delivery(1, done(2)), delivery(1, done(2, { key: 'other' }))]
    expect(found({ adds: [add(), other], deliveries: both })).toEqual([
      `jobs other and ${KEY} of worked share id ${ID}`,
    ])
  })

  it('has a duplicate that no fault explains', () => {
    const deliveries = [delivery(1, done(2)), delivery(9_000, done(9_001))]
    const unexplained = [`job ${KEY} was delivered again, and no fault explains it`]
    expect(found({ deliveries })).toEqual(unexplained)
    // Somewhere else, long before, or long after it was answered.
    expect(found({ deliveries, faults: [fault('worker-2', 0)] })).toEqual(unexplained)
    expect(found({ deliveries, faults: [fault(ALL, -20_000, -10_000)] })).toEqual(unexplained)
    expect(found({ deliveries, faults: [fault(ALL, 2_000)] })).toEqual(unexplained)
  })

  it('has a duplicate that began first, though nobody stood still', () => {
    const deliveries = [delivery(3_000, done(3_001)), delivery(2_000, done(2_001))]
    const tooSoon = [`job ${KEY} was delivered again before it was delivered`]
    expect(found({ deliveries, faults: [fault(ALL, 0)] })).toEqual(tooSoon)
    expect(found({ deliveries, faults: [fault(ALL, 0, 1_900)] })).toEqual(tooSoon)
    expect(found({ deliveries, faults: [fault('worker-1', 0, 2_900)] })).toEqual([])
  })

  it('has a fence twice, a crash that counts as an attempt, and an attempt that does not count', () => {
    const faults = [fault(ALL, 0)]
    const same = [delivery(1, { fence: 9 }), delivery(5, done(6, { fence: 9 }))]
    expect(found({ deliveries: same, faults })).toEqual([
      `job ${KEY} was delivered twice under fence 9`,
    ])
    const grown = [delivery(1, done(2)), delivery(5, done(6, { attempt: 2 }))]
    expect(found({ deliveries: grown, faults })).toEqual([`job ${KEY} was attempt 1 and then 2`])
    const back = [
      delivery(1, { attempt: 2, how: 'failed', endedMs: 2 }),
      delivery(5, done(6, { attempt: 1 })),
    ]
    expect(found({ deliveries: back, faults })).toEqual([`job ${KEY} was attempt 2 and then 1`])
  })

  it('has poison that goes on for ever', () => {
    const faults = [fault(ALL, 0, 60_000)]
    const deliveries = [1, 2, 3, 4, 5].map((at) => delivery(at * 5_000))
    const dead = [letter({ reason: 'crashed 3 times' })]
    expect(found({ adds: [add({ nature: 'poison' })], deliveries, dead, faults })).toEqual([
      `job ${KEY} killed 5 workers, where 4 are enough`,
    ])
  })

  it('has ten seconds of nothing while nothing was wrong, for all or in one place', () => {
    const keys = ['a', 'b', 'c', 'd']
    const adds = keys.map((key, index) => add({ keys: [key], ids: [`${index}`] }))
    const at = (index: number, beganMs: number, who: string) =>
      delivery(beganMs, done(beganMs + 1, { key: keys[index] ?? '', id: `${index}`, who }))
    const [one, two] = ['worker-1.1', 'worker-2.1']
    const pause = [at(0, 0, one), at(1, 1, two), at(2, 11_500, one), at(3, 11_501, two)]
    const quietMs = 12_000
    expect(found({ adds, deliveries: pause, quietMs })).toEqual([
      'nothing was worked on for 11499 ms at all',
      'nothing was worked on for 11500 ms at worker-1',
      'nothing was worked on for 11500 ms at worker-2',
    ])
    const healed = [fault(ALL, 100, 2_000)]
    expect(found({ adds, deliveries: pause, quietMs, faults: healed })).toEqual([])
    const alone = [at(0, 0, one), at(1, 1, two), at(2, 6_000, one), at(3, 11_500, one)]
    expect(found({ adds, deliveries: alone, quietMs })).toEqual([
      'nothing was worked on for 11999 ms at worker-2',
    ])
  })

  it('has jobs that never come to an end, and errors that nobody gets', () => {
    const deliveries = [delivery(1, done(2))]
    expect(found({ deliveries, left: { worked: 2, taken: 0 } })).toEqual([
      '2 jobs of worked never came to an end',
    ])
    expect(found({ deliveries, crashes: [{ message: 'oh' }] })).toEqual([
      'an error reached no caller',
    ])
  })
})

describe('the record of a storm', () => {
  const write = (lines: unknown[][], rest = '') =>
    `${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}${rest}`

  it('puts the lines of all processes together, without the one that somebody was killed in', () => {
    const all = emptyHistory()
    const adding = write(
      [
        ['adding', 1, 1, 'worked', 'plain', ['a', 'b'], 'k'],
        ['adding', 2, 2, 'taken', 'plain', ['c']],
        ['added', 3, 1, ['7', '8'], [true, true]],
        ['refused', 4, 2, 'fail', 'SLUICE_STORE_FULL'],
        ['crashed', 5, 'oh'],
      ],
      '["added',
    )
    readProcess(all, 'producer-1.1', adding)
    const working = write([
      ['began', 5, 1, 'worked', 'a', '7', 70, 1],
      ['ended', 6, 1, 'done'],
      ['settled', 7, 1, 'ok'],
      ['stalled', 9, 8],
    ])
    readProcess(all, 'worker-1.1', working)
    readParent(
      all,
      write([
        ['fault', 20, 'F9', 10, ALL],
        ['quiet', 21],
        ['left', 22, 'taken', 0],
        ['dead', 23, 'worked', 'b', '8', 'no'],
        ['scheduled', 24, scheduled()],
      ]),
    )
    expect(all.adds).toMatchObject([
      { who: 'producer-1.1', keys: ['a', 'b'], strand: 'k', end: 'ok', ids: ['7', '8'] },
      { keys: ['c'], end: 'fail', code: 'SLUICE_STORE_FULL' },
    ])
    expect(all.deliveries).toEqual([
      {
        ...{ who: 'worker-1.1', queue: 'worked', key: 'a', id: '7', fence: 70, attempt: 1 },
        ...{ beganMs: 5, endedMs: 6, how: 'done', answer: 'ok' },
      },
    ])
    expect(all.faults).toMatchObject([
      { hit: 'worker-1.1', fromMs: 8, toMs: 9 },
      { what: 'F9', hit: ALL, fromMs: 10, toMs: 20 },
    ])
    expect(all).toMatchObject({ quietMs: 21, left: { taken: 0 }, crashes: [{ message: 'oh' }] })
    expect(all.schedules).toEqual([scheduled()])
    expect(all.dead).toEqual([{ queue: 'worked', key: 'b', id: '8', reason: 'no' }])
    expect(measure(all)).toMatchObject({ added: 2, addRefused: 1, duplicates: 0, dead: 1 })
  })
})
