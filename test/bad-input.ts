// Values that no argument of that kind may accept, and how each must be refused.
import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { ArgumentError } from '../src/errors.ts'

/** For everything that takes a number; legal ones are taken out per argument. */
export const BAD_NUMBERS: unknown[] = [
  ...[null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.5, -1, 0.1, 1.5],
  ...[2 ** 53, 1e300, Number.MIN_VALUE, '', '1000', '5s', true, [], [5], {}, 10n, Symbol('5')],
  ...[new Date(5), () => 5, { valueOf: () => 5 }],
]

/** For everything that takes a name. */
export const BAD_TEXTS: unknown[] = [
  ...[undefined, null, '', ' ', 0, Number.NaN, true, [], ['a'], {}, 10n, Symbol('a'), () => 'a'],
  ...[new String('a'), Buffer.from('a'), { toString: () => 'a' }, '\ud800', 'a\0b', 'a\nb'],
  ...['a\u202eb', 'x'.repeat(1025)],
]

/** For everything that takes an object of options. */
export const BAD_OPTIONS: unknown[] = [null, 5, 'x', true, [], [1], 10n, Symbol('x'), () => ({})]

/** Values that are no duration; numbers and texts that are legal ones are not in it. */
export const BAD_DURATIONS: unknown[] = [
  ...BAD_NUMBERS.filter((value) => value !== '5s' && !isSmallPositive(value)),
  ...['1 s', '-1s', '1S', 's', '1h 30m', '1e3ms', '1w', '０s', '1000d1000d1000d1000d1000d'],
]

/** Fractions of a millisecond are durations. */
function isSmallPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < 2
}

export const without = (values: unknown[], ...legal: unknown[]) =>
  values.filter((value) => !legal.some((one) => Object.is(one, value)))

/** Passes values as whatever the callee declares: callers in plain JavaScript can, too. */
export const unchecked = (value: unknown) => value as never

/**
 * The one way in which input may be refused: typed, naming the argument, what was expected and, in
 * at most 80 printable characters, what came.
 */
export async function expectRefusal(pass: () => unknown, argument: string): Promise<void> {
  const startedMs = performance.now()
  const outcome = await Promise.resolve()
    .then(pass)
    .then(
      (value) => ({ accepted: value }),
      (error: unknown) => ({ error }),
    )
  expect(outcome).toHaveProperty('error')
  const { error } = outcome as { error: ArgumentError }
  expect(error).toBeInstanceOf(ArgumentError)
  expect(error.code).toBe('SLUICE_ARGUMENT')
  expect(error.retryable).toBe(false)
  expect(error.argument).toBe(argument)
  expect(error.expected).not.toBe('')
  expect(error.received.length).toBeLessThanOrEqual(80)
  expect(error.received).toMatch(/^\P{Cc}*$/u)
  expect(error.message).toContain(argument)
  expect(performance.now() - startedMs).toBeLessThan(2_000)
}

/** An argument, values that it may not have, and how one is passed to it. */
export interface Refused {
  argument: string
  values: unknown[]
  pass: (value: unknown) => unknown
}

/** A test for each value of each argument. */
export function refusesEach(table: readonly Refused[]): void {
  for (const { argument, values, pass } of table) {
    for (const value of values) {
      it(`${argument} ${title(value)}`, () => expectRefusal(() => pass(value), argument))
    }
  }
}

/**
 * A store that may be listened to, but of which nothing may be asked: every call rejects, but for
 * those to `answers`.
 */
export function untouchable<Store extends object>(answers: Partial<Store> = {}): Store {
  return new Proxy(answers as Store, {
    get(_, method: string) {
      if (method in answers) return answers[method as keyof Store]
      if (method.startsWith('on')) return () => () => {}
      const refusal = `${method} was called with input that must be refused`
      return () => Promise.reject(new Error(refusal))
    },
  })
}

/** On one line. */
export const title = (value: unknown) => inspect(value).slice(0, 60).replace(/\s+/g, ' ')
