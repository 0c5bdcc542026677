// What a schema refuses at add, what it makes of a payload for a handler, and what it buries.
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { gate } from '../../test/faults.ts'
import { ArgumentError } from '../errors.ts'
import { createTestSluice } from '../testing/index.ts'
import type { Schema } from './schema.ts'

function open() {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  return { sluice, clock }
}

interface UserIn {
  name: string
  bornAt: string | Date
}
interface UserOut {
  name: string
  bornAt: Date
}
type Validate = Schema<UserIn, UserOut>['~standard']['validate']

const schemaOf = (validate: Validate): Schema<UserIn, UserOut> => ({
  '~standard': { version: 1, vendor: 'by hand', validate },
})

const checkUser = (value: unknown) => {
  const { name, bornAt } = value as { name: unknown; bornAt: unknown }
  const issues = []
  if (typeof name !== 'string') issues.push({ message: 'Expected text', path: ['name'] })
  if (typeof bornAt !== 'string' || Number.isNaN(Date.parse(bornAt))) {
    issues.push({ message: 'Expected a\ndate', path: [{ key: 'bornAt' }, 0, 'at'] })
  }
  return issues.length > 0
    ? { issues }
    : { value: { name: name as string, bornAt: new Date(bornAt as string) } }
}

const schemas: [name: string, schema: Schema<UserIn, UserOut>][] = [
  ['that answers at once', schemaOf(checkUser)],
  ['that takes its time', schemaOf(async (value) => checkUser(value))],
  // Those of arktype are functions.
  ['that is a function', Object.assign(() => {}, schemaOf(checkUser))],
]

describe.for(schemas)('a schema %s', ([, schema]) => {
  it('gives handlers what it makes of the payload', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue('q', { schema })
    const bornAt = new Date('2000-01-02T03:04:05.678Z')
    await queue.add({ name: 'a', bornAt })
    await queue.addMany([{ name: 'b', bornAt: bornAt.toISOString() }])
    const seen: UserOut[] = []
    const worker = queue.work(({ data }) => {
      expectTypeOf(data).toEqualTypeOf<UserOut>()
      seen.push(data)
    })
    await clock.advance(10)
    expect(seen).toEqual([
      { name: 'a', bornAt },
      { name: 'b', bornAt },
    ])
    await worker.close()
    await queue.add({ name: 'c', bornAt })
    const [delivery] = await queue.take()
    expectTypeOf(delivery?.data).toEqualTypeOf<UserOut | undefined>()
    expect(delivery?.data).toEqual({ name: 'c', bornAt })
  })

  it('refuses at add what would not fit at delivery, and adds nothing', async () => {
    const { sluice } = open()
    const queue = sluice.queue('q', { schema })
    const good = { name: 'a', bornAt: '2000-01-01' }
    await expect(queue.add({ bornAt: 5 } as never)).rejects.toMatchObject({
      name: 'ArgumentError',
      argument: 'data',
      message: expect.stringContaining(
        'received an object. at name: Expected text; at bornAt[0].at: Expected a\\u000adate',
      ),
    })
    const many = queue.addMany([good, { name: 5 } as never, good, {} as never])
    await expect(many).rejects.toMatchObject({ argument: 'data[1]' })
    expect(await queue.counts()).toMatchObject({ ready: 0 })
  })

  it('buries at delivery what another version added, unretried, and spares what is beside it', async () => {
    const { sluice, clock } = open()
    const old = sluice.queue<unknown>('q', { attempts: 5 })
    const good = { name: 'a', bornAt: '2000-01-01' }
    await old.addMany([{ bornAt: '2000-01-01' }, good])
    const queue = sluice.queue('q', { schema })
    const taken = await queue.take({ max: 5 })
    expect(taken.map(({ data }) => data.name)).toEqual(['a'])
    await taken[0]?.ack()
    await old.addMany([{ name: 7, bornAt: '2000-01-01' }, good])
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data.name))
    await clock.advance(10)
    expect(seen).toEqual(['a'])
    const text = 'the payload does not fit the schema: at name: Expected text'
    expect(await queue.dead.list()).toMatchObject([
      { data: { bornAt: '2000-01-01' }, attempts: 1, reason: text },
      { data: { name: 7 }, attempts: 1, reason: text },
    ])
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 2 })
  })
})

describe('a schema', () => {
  it('gives a queue its types, and without one the types are as said', () => {
    const { sluice } = open()
    const queue = sluice.queue('q', { schema: schemaOf(checkUser), attempts: 5 })
    expectTypeOf(queue.add).parameter(0).toEqualTypeOf<UserIn>()
    expectTypeOf(queue.dead.list).returns.resolves.items.toHaveProperty('data')
    expectTypeOf<Awaited<ReturnType<typeof queue.dead.list>>[0]['data']>().toEqualTypeOf<UserIn>()
    expectTypeOf(sluice.queue<string>('q', { attempts: 5 }).add)
      .parameter(0)
      .toEqualTypeOf<string>()
    expectTypeOf(sluice.queue('q').add).parameter(0).toEqualTypeOf<unknown>()
  })

  it('that throws refuses the add with that, and at delivery fails the attempt', async () => {
    const { sluice, clock } = open()
    let isBroken = true
    const schema = schemaOf((value) => {
      if (isBroken) throw new RangeError('cannot look')
      return checkUser(value)
    })
    const queue = sluice.queue('q', { schema, backoff: { type: 'fixed', base: '1s' } })
    const user = { name: 'a', bornAt: '2000-01-01' }
    await expect(queue.add(user)).rejects.toThrow('cannot look')
    expect(await queue.counts()).toMatchObject({ ready: 0 })
    isBroken = false
    await queue.add(user)
    isBroken = true
    const attempts: number[] = []
    const worker = queue.work(({ attempt }) => void attempts.push(attempt))
    await clock.advance(10)
    expect(attempts).toEqual([])
    isBroken = false
    await clock.advance('2s')
    expect(attempts).toEqual([2])
    await worker.close()
  })

  it('that never ends costs an attempt when the timeout is over, and its data comes too late', async () => {
    const { sluice, clock } = open()
    const slow = gate()
    let calls = 0
    const schema = schemaOf(async (value) => {
      // The first is the one of add.
      if (++calls > 1) await slow.opened
      return checkUser(value)
    })
    const queue = sluice.queue('q', { schema, timeout: '10s', attempts: 2, backoff: () => 500 })
    await queue.add({ name: 'a', bornAt: '2000-01-01' })
    let handledCount = 0
    const worker = queue.work(() => void handledCount++)
    await clock.advance('10s')
    await worker.close()
    const waiting = queue.take({ wait: '1m' })
    await clock.advance('11s')
    expect(await queue.dead.list()).toMatchObject([
      { attempts: 2, reason: expect.stringContaining('did not finish within 10000 ms') },
    ])
    slow.open()
    await clock.advance('1m')
    expect(await waiting).toEqual([])
    expect(handledCount).toBe(0)
  })

  it('with many issues tells the first ones, and how many are left', async () => {
    const { sluice } = open()
    const issues = Array.from({ length: 25 }, (_, index) => ({
      message: 'x'.repeat(index === 0 ? 5_000 : 1),
      path: [index, Symbol('s')],
    }))
    const queue = sluice.queue('q', { schema: schemaOf(() => ({ issues })) })
    const refused = await queue.add({ name: '', bornAt: '' }).catch((error) => error)
    expect(refused).toBeInstanceOf(ArgumentError)
    expect(refused.message).toMatch(/at \[9\]\.Symbol\(s\): x; and 15 more$/)
    expect(refused.message.length).toBeLessThan(1_000)
  })

  it('keeps the order in which jobs were added', async () => {
    const { sluice } = open()
    const queue = sluice.queue('q', { schema: schemaOf(checkUser) })
    const plain = sluice.queue<UserIn>('q')
    const names = ['a', 'b', 'c', 'd']
    const user = (name = '') => ({ name, bornAt: '2000-01-01' })
    await Promise.all([
      queue.add(user(names[0])),
      queue.addMany([user(names[1]), user(names[2])]),
      queue.add(user(names[3])),
    ])
    const taken = await plain.take({ max: 9 })
    expect(taken.map(({ data }) => data.name)).toEqual(names)
  })
})
