// How much is asked of a server at a time, on invented ones.
import { expect, test } from 'vitest'
import { Dose, Way } from './dose.ts'

const BOUNDS = { least: 8, first: 64, most: 5_000 }

const WAY_MS = 0.1

function newDose(): Dose {
  const way = new Way()
  way.took(WAY_MS)
  return new Dose(0.5, BOUNDS, way)
}

/** Commands to a server that takes so long for each item, with a delay on the way that varies. */
function serve(dose: Dose, commands: number, costMs: number, delayMs: (index: number) => number) {
  let [restMs, most] = [0, 0]
  for (let index = 0; index < commands; index++) {
    const items = dose.size
    most = Math.max(most, items)
    restMs = dose.took(WAY_MS + delayMs(index) + items * costMs, items)
  }
  return { restMs, most }
}

test('grows until a command keeps the server for its budget, and rests for as long', () => {
  const dose = newDose()
  const { restMs } = serve(dose, 40, 0.001, () => 0)
  expect(dose.size).toBeGreaterThan(450)
  expect(dose.size).toBeLessThanOrEqual(500)
  expect(restMs).toBeCloseTo(0.5, 1)
})

test('shrinks when items cost more, as far as it may', () => {
  const dose = newDose()
  serve(dose, 40, 0.001, () => 0)
  serve(dose, 20, 0.02, () => 0)
  expect(dose.size).toBeGreaterThan(20)
  expect(dose.size).toBeLessThanOrEqual(25)
  const { restMs } = serve(dose, 20, 100, () => 0)
  expect([dose.size, restMs]).toEqual([BOUNDS.least, 100])
})

test('takes delays of its own process for what they are', () => {
  const dose = newDose()
  const { restMs } = serve(dose, 80, 0.001, (index) => (index % 4 === 0 ? 0 : 30))
  expect(dose.size).toBeGreaterThan(400)
  expect(restMs).toBeLessThan(1)
})

test('a way that was slow at first makes nothing look free', () => {
  const way = new Way()
  const dose = new Dose(0.5, BOUNDS, way)
  const slower = serve(dose, 20, 0.004, (index) => Math.max(0, 10 - index))
  way.took(WAY_MS)
  const quick = serve(dose, 20, 0.004, () => 0)
  // 125 of them take 0.5 ms.
  expect(Math.max(slower.most, quick.most)).toBeLessThanOrEqual(125)
  expect(dose.size).toBeGreaterThan(120)
})
