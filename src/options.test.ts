import { describe, expect, it } from 'vitest'
import { ArgumentError } from './errors.ts'
import { count, duration, readOptions, withDefault } from './options.ts'
import { describe as describeValue } from './text.ts'

const shape = {
  attempts: withDefault(count(1, 9), 3),
  delay: withDefault(duration(), 0),
}

describe('readOptions', () => {
  it('fills in defaults for what is missing or undefined', () => {
    expect(readOptions('it', undefined, shape)).toEqual({ attempts: 3, delay: 0 })
    expect(readOptions('it', { attempts: undefined, delay: '1s' }, shape)).toEqual({
      attempts: 3,
      delay: 1_000,
    })
  })

  it('reads own properties only', () => {
    const inherited = Object.create({ attempts: 5 }) as object
    expect(readOptions('it', inherited, shape).attempts).toBe(3)
  })

  it('refuses an unknown name and offers the nearest known one', () => {
    const refusal = (options: object) => {
      try {
        readOptions('it', options, shape)
      } catch (error) {
        return error as ArgumentError
      }
      throw new Error('was accepted')
    }
    expect(refusal({ atempts: 1 })).toBeInstanceOf(ArgumentError)
    expect(refusal({ atempts: 1 }).argument).toBe('it.atempts')
    expect(refusal({ atempts: 1 }).message).toContain('Did you mean attempts?')
    expect(refusal({ somethingElse: 1 }).message).not.toContain('Did you mean')
    expect(refusal({ 'a\u202eb': 1 }).argument).toBe('it.a\\u202eb')
    expect(refusal(JSON.parse('{"__proto__": 1}')).argument).toBe('it.__proto__')
  })
})

it('describe shows what came in one printable line of at most 80 characters', () => {
  expect(describeValue('a\nb')).toBe('"a\\nb"')
  expect(describeValue('a\u202eb')).toBe('"a\\u202eb"')
  expect(describeValue('x'.repeat(200))).toHaveLength(80)
  expect(describeValue(-0)).toBe('-0')
  expect(describeValue(10n)).toBe('10n')
  expect(describeValue({ password: 'secret' })).toBe('an object')
  expect(describeValue([1, 2])).toBe('an array of 2')
  expect(describeValue(Symbol('secret'))).toBe('a symbol')
})
