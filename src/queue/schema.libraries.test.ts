// The libraries that the README names are taken as they are: their types, their issues, their values.
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createTestSluice } from '../testing/index.ts'
import type { Schema } from './schema.ts'

interface VisitIn {
  user: string
  at: string
  tags?: string[] | undefined
}
interface VisitOut {
  user: string
  at: Date
  tags: string[]
}

const isNamed = async (user: string) => user !== ''
const zod = z.object({
  user: z.string().min(1),
  at: z.iso.datetime().transform((text) => new Date(text)),
  tags: z.array(z.string()).default([]),
})
const valibot = v.object({
  user: v.pipe(v.string(), v.nonEmpty()),
  at: v.pipe(
    v.string(),
    v.isoTimestamp(),
    v.transform((text) => new Date(text)),
  ),
  tags: v.optional(v.array(v.string()), []),
})
const arktype = type({
  user: 'string > 0',
  at: 'string.date.iso.parse',
  tags: type('string[]').default(() => []),
})

const libraries: [name: string, schema: Schema<VisitIn, VisitOut>][] = [
  ['zod', zod],
  ['zod that answers later', zod.extend({ user: z.string().refine(isNamed) })],
  ['valibot', valibot],
  [
    'valibot that answers later',
    v.objectAsync({ ...valibot.entries, user: v.pipeAsync(v.string(), v.checkAsync(isNamed)) }),
  ],
  ['arktype', arktype],
]

function open() {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  return { sluice, clock }
}

const AT = '2026-01-02T03:04:05.678Z'

describe.for(libraries)('a schema of %s', ([, schema]) => {
  it('gives handlers what it makes of the payload', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue('q', { schema })
    await queue.addMany([
      { user: 'ann', at: AT },
      { user: 'bob', at: AT, tags: ['a'] },
    ])
    const seen: VisitOut[] = []
    queue.work(({ data }) => void seen.push(data))
    await clock.advance(10)
    const at = new Date(AT)
    expect(seen).toEqual([
      { user: 'ann', at, tags: [] },
      { user: 'bob', at, tags: ['a'] },
    ])
  })

  it('refuses at add what does not fit, with where that is, and adds nothing', async () => {
    const { sluice } = open()
    const queue = sluice.queue('q', { schema })
    const bad: [visit: object, place: string][] = [
      [{ user: 5, at: AT }, 'at user: '],
      [{ user: '', at: AT }, 'at user: '],
      [{ at: AT }, 'at user: '],
      [{ user: 'ann', at: 'yesterday' }, 'at at: '],
      [{ user: 'ann', at: AT, tags: ['a', 7] }, 'at tags[1]: '],
    ]
    for (const [visit, place] of bad) {
      await expect(queue.add(visit as VisitIn), place).rejects.toMatchObject({
        name: 'ArgumentError',
        argument: 'data',
        message: expect.stringContaining(`received an object. ${place}`),
      })
    }
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('buries at delivery what another version added, with its issues and unretried', async () => {
    const { sluice, clock } = open()
    const old = { user: 5, at: AT, tags: ['a', 7] }
    await sluice.queue<unknown>('q').addMany([old, { user: 'ann', at: AT }])
    const queue = sluice.queue('q', { schema, attempts: 5 })
    const seen: string[] = []
    queue.work(({ data }) => void seen.push(data.user))
    await clock.advance(10)
    expect(seen).toEqual(['ann'])
    const dead = await queue.dead.list()
    expect(dead).toMatchObject([{ data: old, attempts: 1 }])
    const reason = /^the payload does not fit the schema: at user: .+; at tags\[1\]: .+/
    expect(dead[0]?.reason).toMatch(reason)
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 1 })
  })
})

describe('the types of a queue', () => {
  it('come from the schema of each library', () => {
    const { sluice } = open()
    const ofZod = sluice.queue('zod', { schema: zod })
    expectTypeOf(ofZod.add).parameter(0).toEqualTypeOf<VisitIn>()
    ofZod.work(({ data }) => expectTypeOf(data).toEqualTypeOf<VisitOut>())
    const ofValibot = sluice.queue('valibot', { schema: valibot })
    expectTypeOf(ofValibot.add).parameter(0).toEqualTypeOf<VisitIn>()
    ofValibot.work(({ data }) => expectTypeOf(data).toEqualTypeOf<VisitOut>())
    const ofArktype = sluice.queue('arktype', { schema: arktype })
    expectTypeOf(ofArktype.add)
      .parameter(0)
      .toEqualTypeOf<{ user: string; at: string; tags?: string[] }>()
    ofArktype.work(({ data }) => expectTypeOf(data).toEqualTypeOf<VisitOut>())
  })
})
