// The explorer of states, on models small enough to count by hand.
import { describe, expect, it } from 'vitest'
import { explore, type Model } from './explorer.js'

/** A jug of three litres and one of five: four litres are to be measured. */
const jugs = (isWrong: (large: number) => boolean): Model<[number, number]> => ({
  initial: [[0, 0]],
  next([small, large]) {
    const over = Math.min(small, 5 - large)
    const back = Math.min(large, 3 - small)
    return [
      { label: 'fill small', state: [3, large] },
      { label: 'fill large', state: [small, 5] },
      { label: 'empty small', state: [0, large] },
      { label: 'empty large', state: [small, 0] },
      { label: 'small into large', state: [small - over, large + over] },
      { label: 'large into small', state: [small + back, large - back] },
    ]
  },
  keyOf: ([small, large]) => `${small} ${large}`,
  problemOf: ([, large]) => (isWrong(large) ? `${large} litres` : null),
})

/** Two that count to three: which one is which makes no difference. */
const counters = (keyOf: (state: number[]) => string): Model<number[]> => ({
  initial: [[0, 0]],
  next: (state) =>
    state.flatMap((count, index) =>
      count < 3 ? [{ label: `${index}`, state: state.with(index, count + 1) }] : [],
    ),
  keyOf,
  problemOf: () => null,
})

describe('the explorer', () => {
  it('looks at every state once, and says that it has', () => {
    expect(explore(jugs(() => false))).toEqual({
      ...{ states: 16, steps: 96, depth: 7, isComplete: true, problem: null },
    })
  })

  it('shows a shortest way to what is wrong', () => {
    const found = explore(jugs((large) => large === 4))
    expect(found.problem).toEqual({
      what: '4 litres',
      trace: [
        ...['fill large', 'large into small', 'empty small', 'large into small'],
        ...['fill large', 'large into small'],
      ],
    })
    expect(found.isComplete).toBe(false)
  })

  it('finds what is wrong at the beginning', () => {
    const found = explore(jugs((large) => large === 0))
    expect(found.problem).toEqual({ what: '0 litres', trace: [] })
  })

  it('takes states with the same key for one', () => {
    expect(explore(counters((state) => state.join())).states).toBe(16)
    expect(explore(counters((state) => state.toSorted().join())).states).toBe(10)
  })

  it('stops where there are too many, and does not call that complete', () => {
    const found = explore(
      counters((state) => state.join()),
      { mostStates: 5 },
    )
    expect(found).toMatchObject({ isComplete: false, problem: null })
    expect(found.states).toBeLessThan(10)
  })

  it('shows the nearest state that leads to no goal, over no step that nothing may depend on', () => {
    const paths: Record<number, { to: number; isFault?: boolean }[]> = {
      0: [{ to: 1 }, { to: 2 }],
      1: [{ to: 0 }, { to: 4 }],
      2: [{ to: 3 }],
      3: [{ to: 2 }, { to: 4, isFault: true }],
      4: [{ to: 1 }],
    }
    const walk = (isReached: (state: number) => boolean): Model<number> => ({
      initial: [0],
      next: (state) =>
        (paths[state] ?? []).map(({ to, isFault = false }) => ({
          ...{ label: `to ${to}`, state: to, isFault },
        })),
      keyOf: String,
      problemOf: () => null,
      goal: { isReached, missed: 'lost' },
    })
    const lost = explore(walk((state) => state === 4))
    expect(lost).toMatchObject({ isComplete: false, problem: { what: 'lost', trace: ['to 2'] } })
    expect(explore(walk((state) => state === 4 || state === 2)).problem).toBeNull()
    expect(explore(walk(() => false)).problem).toEqual({ what: 'lost', trace: [] })
  })

  it('begins in any of the states that it is given', () => {
    const two: Model<number> = {
      initial: [1, 1, 5],
      next: (state) => (state < 7 ? [{ label: 'on', state: state + 1 }] : []),
      keyOf: String,
      problemOf: (state) => (state === 7 ? 'seven' : null),
    }
    expect(explore(two).problem?.trace).toEqual(['on', 'on'])
  })
})
