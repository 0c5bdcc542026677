// What may be passed, and that everything else is refused before a request comes.
import { afterAll, describe, expect, test } from 'vitest'
import {
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  title,
  unchecked,
  without,
} from '../../test/bad-input.ts'
import { createSluice, slidingLog } from '../index.ts'
import { rateLimit as limitExpress } from './express.ts'
import { rateLimit as limitFastify, rateLimitHook } from './fastify.ts'
import { rateLimit as limitHono } from './hono.ts'
import { rateLimit as limitKoa } from './koa.ts'

const sluice = createSluice('memory:')
afterAll(() => sluice.close())
const limiter = sluice.limiter('api', slidingLog({ limit: 5, per: '1m' }))

const entries: Record<string, (options: never) => unknown> = {
  hono: limitHono,
  express: limitExpress,
  fastify: limitFastify,
  'a hook of fastify': rateLimitHook,
  koa: limitKoa,
}
const make = (options: object) => limitExpress(unchecked({ limiter, ...options }))

describe.each(Object.entries(entries))('%s', (_, entry) => {
  test('takes a limiter, and undefined for what is left out', () => {
    expect(entry(unchecked({ limiter }))).toBeInstanceOf(Function)
    const names = ['key', 'cost', 'skip', 'allow', 'deny', 'proxy', 'address', 'ipv6Subnet']
    const others = ['headers', 'legacyHeaders', 'retryJitter']
    const leftOut = Object.fromEntries([...names, ...others].map((name) => [name, undefined]))
    expect(entry(unchecked({ limiter, ...leftOut }))).toBeInstanceOf(Function)
  })

  test.each(BAD_OPTIONS.map((value) => [title(value), value]))('refuses %s', (_, value) =>
    expectRefusal(() => entry(unchecked(value)), 'rateLimit'),
  )

  test('refuses to do without a limiter, and options that it does not know', async () => {
    await expectRefusal(() => entry(unchecked(undefined)), 'rateLimit.limiter')
    await expectRefusal(() => entry(unchecked({})), 'rateLimit.limiter')
    await expectRefusal(() => entry(unchecked({ limiter, keys: [] })), 'rateLimit.keys')
    expect(() => entry(unchecked({ limiter, skips: [] }))).toThrow('Did you mean skip?')
  })
})

const notFunctions = [null, 5, 'key', true, {}, [], 10n, Symbol('x')]
const notBooleans = [null, 0, 1, 'true', {}, [], () => true]
const notLists = [null, 5, 'ada', {}, new Set(['ada']), () => []]
const notObjects = without(BAD_OPTIONS, undefined)
const badParts = without(BAD_NUMBERS, 0.1, Number.MIN_VALUE)

const cases: [argument: string, values: unknown[], pass: (value: unknown) => object][] = [
  ['limiter', [null, 5, 'api', {}, { name: 'api' }, sluice], (value) => ({ limiter: value })],
  ['key', notFunctions, (key) => ({ key })],
  ['skip', notFunctions, (skip) => ({ skip })],
  ['address', notFunctions, (address) => ({ address })],
  ['cost', BAD_NUMBERS.filter((value) => typeof value !== 'function'), (cost) => ({ cost })],
  ['ipv6Subnet', [...BAD_NUMBERS, 0, 31, 129], (ipv6Subnet) => ({ ipv6Subnet })],
  ['retryJitter', [...badParts, 1.01], (retryJitter) => ({ retryJitter })],
  ['headers', [null, 0, true, '', 'draft-10', 'DRAFT-11', {}], (headers) => ({ headers })],
  ['legacyHeaders', notBooleans, (legacyHeaders) => ({ legacyHeaders })],
  ['allow', notObjects, (allow) => ({ allow })],
  ['deny', notObjects, (deny) => ({ deny })],
  ['deny.adresses', [['10.0.0.1']], (adresses) => ({ deny: { adresses } })],
  ['deny.addresses', notLists, (addresses) => ({ deny: { addresses } })],
  ['allow.keys', notLists, (keys) => ({ allow: { keys } })],
  ['allow.keys[1]', BAD_TEXTS, (key) => ({ allow: { keys: ['ada', key] } })],
  ['proxy', [...notObjects, 1], (proxy) => ({ proxy })],
  ['proxy.hops', [...BAD_NUMBERS, 21], (hops) => ({ proxy: { hops } })],
  [
    'proxy.header',
    [null, 5, '', 'a b', 'a:', 'x'.repeat(129), 'Forwarded', 'forwarded', {}],
    (header) => ({ proxy: { header } }),
  ],
  [
    'deny.addresses[0]',
    [
      ...[...BAD_TEXTS, '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8'],
      ...['2001:db8::/129', '::ffff:10.0.0.0/104', 'localhost', 'user:42', '*', '/8'],
    ],
    (address) => ({ deny: { addresses: [address] } }),
  ],
]

describe.each(cases)('%s', (argument, values, pass) => {
  test.each(values.map((value) => [title(value), value]))('may not be %s', (_, value) =>
    expectRefusal(() => make(pass(value)), `rateLimit.${argument}`),
  )
})

test.each([
  { cost: 0 },
  { cost: Number.MAX_SAFE_INTEGER },
  { ipv6Subnet: 32 },
  { ipv6Subnet: 128 },
  { retryJitter: 0 },
  { retryJitter: 1 },
  { headers: 'none', legacyHeaders: true },
  { proxy: {} },
  { proxy: { hops: 20, header: 'CF-Connecting-IP' } },
  { allow: {}, deny: { addresses: [], keys: [] } },
  { deny: { addresses: ['10.0.0.1/8', '::1', '::/0', '0.0.0.0/0', '::ffff:10.0.0.1'] } },
])('takes %j', (options) => expect(make(options)).toBeInstanceOf(Function))
