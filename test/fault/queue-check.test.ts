// What is found in the history of a storm of jobs with a key or an id, and of schedules.
import { describe, expect, it } from 'vitest'
import { add, delivery, done, fault, found, letter, scheduled } from './queue/histories.ts'
import { type Add, ALL, type Delivery } from './queue/history.js'
import { slotKey } from './queue/plan.js'

/** Two jobs of one key, and deliveries of them. */
const strand = (rest: Partial<Add> = {}): [Add, Add] => [
  add({ keys: ['first'], ids: ['1'], strand: 'k', ...rest }),
  add({ keys: ['second'], ids: ['2'], strand: 'k' }),
]
const first = (beganMs: number, rest: Partial<Delivery> = {}) =>
  delivery(beganMs, { key: 'first', id: '1', ...rest })
const second = (beganMs: number, rest: Partial<Delivery> = {}) =>
  delivery(beganMs, done(beganMs + 1, { key: 'second', id: '2', ...rest }))
/** One of several adds under one id. */
const twin = (rest: Partial<Add> = {}) => add({ keys: ['twin'], ids: ['twin'], ...rest })
const slot = (atMs: number, id = String(atMs)) =>
  delivery(atMs, done(atMs, { key: slotKey('often', atMs + 0.97), id }))

describe('a history in which all is well', () => {
  it('is a job of a key that follows one that is done, or is dead though its handler never came back', () => {
    const [before, after] = strand()
    expect(found({ adds: [before, after], deliveries: [first(1, done(2)), second(2)] })).toEqual([])
    const dead = [letter({ key: 'first', id: '1', reason: 'timed out, and crashed' })]
    const deliveries = [first(1), second(2_000)]
    expect(found({ adds: [before, after], deliveries, dead })).toEqual([])
  })

  it('is a job of a key whose add got no answer, and which nobody has seen', () => {
    const [before, after] = strand({ end: 'unknown' })
    expect(found({ adds: [before, after], deliveries: [second(2)] })).toEqual([])
  })

  it('is a job of an id that two have added, one of whom was not answered', () => {
    const adds = [twin({ isNew: [false] }), twin({ end: 'unknown' })]
    const deliveries = [delivery(1, done(2, { key: 'twin', id: 'twin' }))]
    expect(found({ adds, deliveries })).toEqual([])
    const refused = twin({ end: 'fail' })
    expect(found({ adds: [twin(), refused], deliveries })).toEqual([])
  })

  it('is a schedule with a job for each slot, and one that may leave some out', () => {
    const deliveries = [slot(0), slot(700), slot(1_400)]
    expect(found({ adds: [], deliveries, schedules: [scheduled()] })).toEqual([])
    const newest = scheduled({ everyMs: null })
    expect(found({ adds: [], deliveries: deliveries.slice(2), schedules: [newest] })).toEqual([])
  })
})

describe('a bad history', () => {
  it('has a job of a key that ran before one in front of it, or while that ran', () => {
    const adds = strand()
    const tooSoon = [first(1, { fence: 8, ...done(2) }), second(3, { fence: 7 })]
    expect(found({ adds, deliveries: tooSoon })).toEqual([
      'job first of key k was delivered after second, which is behind it',
    ])
    const ahead = 'job first of key k had not ended when second began, which is behind it'
    expect(found({ adds, deliveries: [first(1, done(9)), second(8)] })).toEqual([ahead])
    // It came back, and the one behind it did not wait for that.
    const faults = [fault(ALL, 0)]
    const again = [first(1, done(2)), first(3), second(4)]
    expect(found({ adds, deliveries: again, faults })).toEqual([ahead])
    // Of an add that nobody answered, which happened after the one behind it.
    const [unknown, after] = strand({ end: 'unknown' })
    expect(found({ adds: [unknown, after], deliveries: [second(1), first(3, done(4))] })).toEqual([
      'job first of key k was delivered after second, which is behind it',
    ])
  })

  it('has a job of an id that two adds made, or none', () => {
    const deliveries = [delivery(1, done(2, { key: 'twin', id: 'twin' }))]
    const both = [twin(), twin()]
    expect(found({ adds: both, deliveries })).toEqual(['2 adds were told to have made job twin'])
    const none = [twin({ isNew: [false] }), twin({ isNew: [false], end: 'ok' })]
    expect(found({ adds: none, deliveries })).toEqual(['no add has made job twin'])
  })

  it('has a slot with two jobs, one with none, and a schedule that stands still', () => {
    const schedules = [scheduled()]
    const all = [slot(0), slot(700), slot(1_400)]
    const faults = [fault(ALL, 0)]
    const twice = [...all, slot(700, 'another')]
    expect(found({ adds: [], deliveries: twice, schedules, faults })).toContain(
      'job slot:often@700.97 has the ids 700 and another: it was added twice',
    )
    const missed = [slot(0), slot(1_400)]
    expect(found({ adds: [], deliveries: missed, schedules })).toEqual([
      '1 slots of often had no job',
    ])
    const still = [scheduled({ isMoving: false })]
    expect(found({ adds: [], deliveries: all, schedules: still })).toEqual([
      'schedule often stands still',
    ])
    expect(found({ adds: [], deliveries: [slot(0)] })).toEqual([
      'job slot:often@0.97 exists, and nobody added it',
    ])
  })
})
