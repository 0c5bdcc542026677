// The error classes, their codes and the page that explains them.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import * as errors from '../src/errors.ts'
import * as entry from '../src/index.ts'
import { Defer } from '../src/queue/defer.ts'
import * as queueErrors from '../src/queue/errors.ts'
import * as redisErrors from '../src/redis/errors.ts'
import * as redisEntry from '../src/redis/index.ts'
import * as redlockErrors from '../src/redlock/errors.ts'
import * as redlockEntry from '../src/redlock/index.ts'

const page = readFileSync(path.resolve(import.meta.dirname, '../docs/errors.md'), 'utf8')

const conflict = { holder: null, sinceMs: null, position: 0, retryAfterMs: 0 }
const wrongType = new redisErrors.CommandError('INCR', 'WRONGTYPE Odd.', { outcome: 'not-applied' })
const wrongResult = { ok: false, error: wrongType, outcome: 'not-applied' } as const
const samples: Record<string, errors.SluiceError> = {
  CommandError: wrongType,
  PipelineError: new redisErrors.PipelineError([wrongResult]),
  TransactionAbortedError: new redisErrors.TransactionAbortedError(0, wrongType),
  TransactionConflictError: new redisErrors.TransactionConflictError(['a'], 3),
  TransactionPartialError: new redisErrors.TransactionPartialError([wrongResult]),
  TransactionUnknownError: new redisErrors.TransactionUnknownError(['a'], wrongType),
  StoreResetError: new errors.StoreResetError('place', 'emptied'),
  ArgumentError: new errors.ArgumentError('lock.ttl', 'a duration', '-1'),
  ClosedError: new errors.ClosedError('This Sluice'),
  DriverMissingError: new errors.DriverMissingError('No driver.'),
  EngineUnavailableError: new errors.EngineUnavailableError('No answer.', { outcome: 'unknown' }),
  InternalError: new errors.InternalError('Odd.'),
  JobTimeoutError: new errors.JobTimeoutError('emails', '1', 1),
  NotAddressableError: new queueErrors.NotAddressableError('emails', '1'),
  NotDurableError: new queueErrors.NotDurableError('emails', ['1'], new Error('No answer.')),
  JobFailedError: new queueErrors.JobFailedError('emails', 'a', 'dead', 'no'),
  Defer: new Defer({ until: '5s' }),
  KeyFullError: new queueErrors.KeyFullError('emails', 'user:42', 0, 1),
  TooManySchedulesError: new queueErrors.TooManySchedulesError('emails', 'nightly', 1_000),
  ResultTimeoutError: new queueErrors.ResultTimeoutError('emails', 'a', 'waiting', 5),
  LockLostError: new errors.LockLostError('a', 'expired'),
  LockTimeoutError: new errors.LockTimeoutError('Not got.', conflict),
  QuorumError: new redlockErrors.QuorumError('Lock "a" was not acquired', 2, [], 'not-applied'),
  QueueBusyError: new queueErrors.QueueBusyError('emails', 3, 0),
  QueueFullError: new queueErrors.QueueFullError(
    'emails',
    { maxLength: 5 },
    { length: 5, bytes: 9 },
  ),
  SettingsMismatchError: new errors.SettingsMismatchError('Semaphore', 'a', 3, 5),
  StaleDeliveryError: new errors.StaleDeliveryError('emails', '1'),
  StoreCorruptError: new errors.StoreCorruptError('key', 'Odd.'),
  StoreFullError: new errors.StoreFullError('Full.'),
  StoreVersionError: new errors.StoreVersionError('file', 2, 1),
  UnrecoverableError: new errors.UnrecoverableError('no such user'),
}

/** `LockTimeoutError` is `SLUICE_LOCK_TIMEOUT`. */
const codeOf = (name: string) =>
  `SLUICE_${name
    .replace(/Error$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase()}`

interface Row {
  code: string
  name: string
  retryable: string
  when: string
  what: string
}

/** The table of the page. */
function readRows(): Row[] {
  return [...page.matchAll(/^\| `(SLUICE_\w+)` \| `(\w+)` \| (.+) \| (.+) \| (.+) \|$/gm)].map(
    ([, code = '', name = '', retryable = '', when = '', what = '']) => ({
      ...{ code, name, retryable, when, what },
    }),
  )
}

const classNames = Object.keys({
  ...errors,
  ...queueErrors,
  ...redisErrors,
  ...redlockErrors,
  Defer,
}).filter((name) => name !== 'SluiceError')

describe('errors', () => {
  test('have a sample here each', () => {
    expect(Object.keys(samples).sort()).toEqual(classNames.sort())
  })

  test.for(classNames)('%s has the code of its name', (name) => {
    const sample = samples[name]
    expect(sample).toBeInstanceOf(errors.SluiceError)
    expect(sample).toMatchObject({ name, code: codeOf(name) })
  })

  test('are all exported by the package', () => {
    const exported: Record<string, unknown> = entry
    for (const [name, value] of Object.entries({ ...errors, ...queueErrors }))
      expect(exported[name], name).toBe(value)
    const ofRedis: Record<string, unknown> = redisEntry
    for (const [name, value] of Object.entries(redisErrors)) expect(ofRedis[name], name).toBe(value)
    const ofRedlock: Record<string, unknown> = redlockEntry
    for (const [name, value] of Object.entries(redlockErrors))
      expect(ofRedlock[name], name).toBe(value)
  })

  test('of settings name the thing, both numbers and the way out', () => {
    const messageOf = (what: 'Semaphore' | 'Latch') =>
      new errors.SettingsMismatchError(what, 'a', 3, 5).message
    expect(messageOf('Semaphore')).toMatch(/^Semaphore "a" .*\b3 permits\b.*\b5\b.*resize\(5\)/)
    expect(messageOf('Latch')).toMatch(/^Latch "a" .*\b3 arrivals\b.*\b5\b.*another name/)
    expect(messageOf('Latch')).not.toContain('resize')
  })

  test('of a lost lease name it, say how it was lost, and what to do', () => {
    const texts: Record<errors.LossReason, string> = {
      expired: 'validity ran out',
      taken: 'another owner',
      reset: 'other data',
      forced: 'forceRelease',
      forgotten: 'garbage',
      'max-hold': 'the whole maxHold',
      closed: 'was closed',
      released: 'released before',
    }
    for (const [reason, text] of Object.entries(texts)) {
      const { message } = new errors.LockLostError('a', reason as errors.LossReason)
      expect(message).toMatch(
        new RegExp(`^The lease on "a" is lost: .*${text}.* Stop the work .* lease\\.fence\\.$`),
      )
    }
  })

  test('are the rows of docs/errors.md', () => {
    const rows = readRows().map(({ code, name }) => ({ code, name }))
    const expected = [...classNames].sort().map((name) => ({ code: codeOf(name), name }))
    expect(rows).toEqual(expected)
  })

  test('are retryable as docs/errors.md says', () => {
    const said = readRows().map(({ name, retryable }) => [name, retryable])
    // Whether an engine is worth another try depends on what it said.
    const isUsually = (name: string) => (name === 'EngineUnavailableError' ? 'mostly' : undefined)
    const actual = [...classNames]
      .sort()
      .map((name) => [name, isUsually(name) ?? (samples[name]?.retryable ? 'yes' : 'no')])
    expect(said).toEqual(actual)
  })
})
