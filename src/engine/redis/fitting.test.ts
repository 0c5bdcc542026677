// Whether an answer can be one to its command.
import { expect, it } from 'vitest'
import { fits } from './fitting.ts'

const CALL = ['sha', '1', 'key', '4711', 'more']

it.each([
  ['4711 1', true],
  ['4711 1,2 3', true],
  [['4711', ['changed']], true],
  ['471 1', false],
  ['4711', false],
  ['4711x', false],
  ['', false],
  [' 4711', false],
  [null, false],
  [['471'], false],
])('%j is an answer of the script call 4711: %s', (reply, expected) => {
  expect(fits('EVALSHA', CALL, reply)).toBe(expected)
})

it.each([
  ['SET', 'OK', true],
  ['SET', null, true],
  ['SET', '1', false],
  ['PING', 'PONG', true],
  ['PING', 'OK', false],
  ['BZPOPMIN', null, true],
  ['BZPOPMIN', ['key', 'member', '0'], true],
  ['BZPOPMIN', ['another', 'member', '0'], false],
  ['WAIT', 2, true],
  ['WAIT', 'OK', false],
  ['SCAN', ['0', []], true],
  ['SCAN', 'OK', false],
])('%s may answer %j: %s', (command, reply, expected) => {
  expect(fits(command, ['key', '0'], reply)).toBe(expected)
})
