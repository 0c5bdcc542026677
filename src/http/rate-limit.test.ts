// What every framework must do alike: real frameworks, real sockets, real engines.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { frameworks, type MakeOptions, type Served } from '../../test/http/servers.ts'
import { EngineUnavailableError } from '../errors.ts'
import { createSluice, funnel, type Limiter, type Sluice, slidingLog } from '../index.ts'
import { type TestClock, testClock } from '../testing/clock.ts'

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const engines = [
  { engine: 'memory', url: () => 'memory:', options: () => ({}) },
  { engine: 'redis', url: () => inject('redisUrl'), options: () => ({ prefix: randomUUID() }) },
] as const

interface Place {
  readonly sluice: Sluice
  readonly clock: TestClock
}

function open({ url, options }: (typeof engines)[number] = engines[0]): Place {
  const clock = testClock()
  const sluice = createSluice(url(), { clock, ...options() })
  opened.push(() => sluice.close())
  return { sluice, clock }
}

async function serve(
  framework: (typeof frameworks)[number],
  ...limits: readonly MakeOptions[]
): Promise<Served> {
  const served = await framework.serve(...limits)
  opened.push(served.close)
  return served
}

const twoAMinute = slidingLog({ limit: 2, per: '1m' })
const byUser = (limiter: Limiter): MakeOptions => {
  return (field) => ({
    limiter,
    retryJitter: 0,
    key: async (request) => field(request, 'x-user') ?? 'nobody',
  })
}
const get = (url: string, headers: Record<string, string> = {}) => fetch(url, { headers })
const statusOf = async (url: string, headers?: Record<string, string>) =>
  (await get(url, headers)).status
/** The fields that a limit sets. */
const fieldsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => /ratelimit|retry|cache-control/.test(name)))

describe.each(frameworks)('$name', (framework) => {
  test.each(engines)(
    'admits what the limit allows and refuses the rest, on $engine',
    async (on) => {
      const { sluice, clock } = open(on)
      const served = await serve(framework, byUser(sluice.limiter('api', twoAMinute)))

      const first = await get(served.url)
      expect(first.status).toBe(200)
      expect(await first.text()).toBe('hello')
      expect(fieldsOf(first)).toEqual({
        'ratelimit-policy': '"api";q=2;w=60',
        ratelimit: '"api";r=1;t=60',
      })

      await clock.advance('10s')
      expect(fieldsOf(await get(served.url))).toMatchObject({ ratelimit: '"api";r=0;t=60' })
      await clock.advance('1500ms')
      const refused = await get(served.url)
      expect(refused.status).toBe(429)
      expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      expect(fieldsOf(refused)).toEqual({
        'ratelimit-policy': '"api";q=2;w=60',
        ratelimit: '"api";r=0;t=49',
        'retry-after': '49',
        'cache-control': 'no-store',
      })
      expect(await refused.json()).toEqual({
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'Quota Exceeded',
        status: 429,
        detail: '"api" allows 2 per 1m.',
        'violated-policies': ['api'],
      })
      expect(served.handledCount()).toBe(2)
      expect(await statusOf(served.url, { 'x-user': 'ada' })).toBe(200)

      await clock.advance('49s')
      expect(await statusOf(served.url)).toBe(200)
      expect(served.errors).toEqual([])
    },
  )

  test('names each of several rules, and of a refusal the one that it is by', async () => {
    const { sluice } = open()
    const rules = [twoAMinute, funnel({ capacity: 30, leak: 30, per: '1h' })]
    const served = await serve(framework, byUser(sluice.limiter('api', rules)))

    const policies = '"api/slidingLog/1m";q=2;w=60, "api/funnel/1h";q=30;w=3600'
    expect(fieldsOf(await get(served.url))).toEqual({
      'ratelimit-policy': policies,
      ratelimit: '"api/slidingLog/1m";r=1;t=60, "api/funnel/1h";r=29;t=120',
    })
    await get(served.url)
    const refused = await get(served.url)
    expect(fieldsOf(refused)).toMatchObject({
      'ratelimit-policy': policies,
      ratelimit: '"api/slidingLog/1m";r=0;t=60',
    })
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['api/slidingLog/1m'] })
  })

  test('spreads clients who were refused together', async () => {
    const limiter = open().sluice.limiter('api', slidingLog({ limit: 1, per: '10m' }))
    const served = await serve(framework, () => ({ limiter, key: () => 'all' }))
    await get(served.url)
    const refusals = await Promise.all(Array.from({ length: 20 }, () => get(served.url)))
    const waitsSeconds = refusals.map(({ headers }) => Number(headers.get('retry-after')))
    expect(Math.min(...waitsSeconds)).toBeGreaterThanOrEqual(600)
    expect(Math.max(...waitsSeconds)).toBeLessThanOrEqual(630)
    expect(new Set(waitsSeconds).size).toBeGreaterThan(1)
  })

  test('answers a HEAD and a POST with a body', async () => {
    const served = await serve(framework, byUser(open().sluice.limiter('api', twoAMinute)))
    for (let used = 0; used < 2; used++) await get(served.url)
    const head = await fetch(served.url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([429, ''])
    const post = await fetch(served.url, { method: 'POST', body: 'x'.repeat(100_000) })
    expect([post.status, ((await post.json()) as { status: number }).status]).toEqual([429, 429])
  })

  test('leaves an engine that is down to the error handler', async () => {
    const listener = createServer().listen(0)
    const { port } = listener.address() as AddressInfo
    await new Promise((resolve) => listener.close(resolve))
    const silent = { info() {}, warn() {}, error() {} }
    const sluice = createSluice(`redis://127.0.0.1:${port}`, {
      commandTimeout: '200ms',
      logger: silent,
    })
    opened.push(() => sluice.close())
    const served = await serve(framework, byUser(sluice.limiter('api', twoAMinute)))

    const response = await get(served.url)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ code: 'SLUICE_ENGINE_UNAVAILABLE' })
    expect(served.errors).toEqual([expect.any(EngineUnavailableError)])
    expect(served.handledCount()).toBe(0)
  })

  test('leaves what is wrong with a key or a cost to the error handler', async () => {
    const limiter = open().sluice.limiter('api', twoAMinute)
    const served = await serve(framework, (field) => ({
      limiter,
      key: (request) => field(request, 'x-user') as string,
      cost: (request) => Number(field(request, 'x-cost') ?? 1),
    }))
    expect(await statusOf(served.url)).toBe(500)
    expect(served.errors).toMatchObject([{ argument: 'rateLimit.key()', received: 'undefined' }])
    expect(await statusOf(served.url, { 'x-user': 'ada', 'x-cost': '0.5' })).toBe(500)
    expect(served.errors[1]).toMatchObject({ argument: 'rateLimit.cost()', received: '0.5' })
  })

  test('asks cost and skip', async () => {
    const limiter = open().sluice.limiter('api', funnel({ capacity: 10, leak: 1, per: '1m' }))
    const served = await serve(framework, (field) => ({
      limiter,
      key: () => 'all',
      cost: async (request) => Number(field(request, 'x-cost')),
      skip: async (request) => field(request, 'x-skip') === 'yes' || undefined,
    }))
    for (const untouched of [{ 'x-skip': 'yes', 'x-cost': '99' }, { 'x-cost': '0' }]) {
      const response = await get(served.url, untouched)
      expect([response.status, fieldsOf(response)]).toEqual([200, {}])
    }
    const remaining = async (headers: Record<string, string>) => {
      const response = await get(served.url, headers)
      return `${response.status} ${response.headers.get('ratelimit')}`
    }
    expect(await remaining({ 'x-cost': '7' })).toBe('200 "api";r=3;t=420')
    expect(await remaining({ 'x-cost': '4' })).toBe('429 "api";r=3;t=60')
    expect(await remaining({ 'x-cost': '3' })).toBe('200 "api";r=0;t=600')

    const never = await get(served.url, { 'x-cost': '11' })
    expect(never.status).toBe(429)
    expect(never.headers.get('ratelimit-policy')).toBe('"api";q=10;w=600')
    expect(never.headers.has('retry-after')).toBe(false)
    expect(await never.json()).toMatchObject({
      detail: 'The request costs more than "api" ever allows.',
    })
  })

  test('asks its lists, addresses before keys and deny before allow', async () => {
    const limiter = open().sluice.limiter('api', slidingLog({ limit: 1, per: '1m' }))
    const served = await serve(framework, (field) => ({
      limiter,
      key: (request) => field(request, 'x-user') ?? 'nobody',
      address: (request) => field(request, 'x-address'),
      deny: { addresses: ['192.0.2.0/24', '2001:db8:bad::/48'], keys: ['mallory', 'both'] },
      allow: { addresses: ['192.0.2.7', '10.0.0.0/8'], keys: ['root', 'both'] },
    }))
    const ask = (address: string, user: string) =>
      statusOf(served.url, { 'x-address': address, 'x-user': user })
    expect(await ask('198.51.100.1', 'ada')).toBe(200)
    expect(await ask('198.51.100.1', 'ada')).toBe(429)
    expect(await ask('192.0.2.200', 'root')).toBe(403)
    expect(await ask('192.0.2.7', 'root')).toBe(403)
    expect(await ask('::ffff:c000:2c8', 'root')).toBe(403)
    expect(await ask('2001:db8:bad:1::1', 'root')).toBe(403)
    expect(await ask('10.9.8.7', 'mallory')).toBe(200)
    expect(await ask('::ffff:10.9.8.7', 'mallory')).toBe(200)
    expect(await ask('198.51.100.1', 'mallory')).toBe(403)
    expect(await ask('198.51.100.1', 'both')).toBe(403)
    for (let visit = 0; visit < 3; visit++) expect(await ask('198.51.100.1', 'root')).toBe(200)

    const denied = await get(served.url, { 'x-address': '192.0.2.1' })
    expect(denied.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(fieldsOf(denied)).toEqual({ 'cache-control': 'no-store' })
    expect(await denied.json()).toEqual({ type: 'about:blank', title: 'Forbidden', status: 403 })
  })

  test('counts by the address of the socket, whatever a client writes', async () => {
    const limiter = open().sluice.limiter('api', twoAMinute)
    const served = await serve(framework, () => ({ limiter, proxy: { hops: 0 } }))
    const forge = (last: number) => ({
      'x-forwarded-for': `198.51.100.${last}`,
      forwarded: `for=198.51.100.${last}`,
      'x-real-ip': `198.51.100.${last}`,
    })
    const statuses = [await statusOf(served.url, forge(1)), await statusOf(served.url, forge(2))]
    expect([...statuses, await statusOf(served.url, forge(3))]).toEqual([200, 200, 429])
    expect(await limiter.peek('127.0.0.1')).toMatchObject({ allowed: false })
  })

  test('counts by the address that its own proxies saw', async () => {
    const limiter = open().sluice.limiter('api', slidingLog({ limit: 1, per: '1m' }))
    const served = await serve(framework, () => ({ limiter, proxy: { hops: 2 } }))
    const ask = (forwarded: string) => statusOf(served.url, { 'x-forwarded-for': forwarded })
    expect(await ask('198.51.100.1, 10.0.0.1')).toBe(200)
    // What stands further left came from the client.
    expect(await ask('203.0.113.9, 198.51.100.1, 10.0.0.1')).toBe(429)
    expect(await ask('198.51.100.2,10.0.0.1')).toBe(200)
    expect(await ask('2001:db8:0:100::1, 10.0.0.1')).toBe(200)
    expect(await ask('[2001:db8:0:1ff::2]:443, 10.0.0.1')).toBe(429)
    // Past a proxy, or not an address: the socket counts, once.
    expect([await ask('198.51.100.3'), await ask('unknown, 10.0.0.1')]).toEqual([200, 429])
    expect(await limiter.peek('127.0.0.1')).toMatchObject({ allowed: false })
  })

  test('shows several limits on one path in one list', async () => {
    const { sluice } = open()
    const burst = byUser(sluice.limiter('burst', slidingLog({ limit: 2, per: '1s' })))
    const daily = byUser(sluice.limiter('daily', slidingLog({ limit: 1, per: '1d' })))
    const served = await serve(framework, burst, daily)
    const listed = (text: string | null) => text?.split(', ').sort()

    const { headers } = await get(served.url)
    expect(listed(headers.get('ratelimit-policy'))).toEqual([
      '"burst";q=2;w=1',
      '"daily";q=1;w=86400',
    ])
    expect(listed(headers.get('ratelimit'))).toEqual(['"burst";r=1;t=1', '"daily";r=0;t=86400'])
    const refused = await get(served.url)
    expect(refused.status).toBe(429)
    expect(listed(refused.headers.get('ratelimit'))).toEqual([
      '"burst";r=0;t=1',
      '"daily";r=0;t=86400',
    ])
    expect(refused.headers.get('retry-after')).toBe('86400')
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['daily'] })
  })

  test('sends the fields that it is told to', async () => {
    const limiter = open().sluice.limiter('api', twoAMinute)
    const served = await serve(framework, () => ({
      limiter,
      key: () => 'all',
      headers: 'none',
      legacyHeaders: true,
    }))
    const beforeSeconds = Math.floor(Date.now() / 1000)
    const fields = fieldsOf(await get(served.url))
    expect(Object.keys(fields).sort()).toEqual([
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
    ])
    expect(fields).toMatchObject({ 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1' })
    const resetSeconds = Number(fields['x-ratelimit-reset'])
    expect(resetSeconds).toBeGreaterThanOrEqual(beforeSeconds + 60)
    expect(resetSeconds).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 60)
  })

  test('never admits more than the limit, however many ask at once', async () => {
    const limiter = open(engines[1]).sluice.limiter('api', slidingLog({ limit: 7, per: '1m' }))
    const served = await serve(framework, byUser(limiter))
    const statuses = await Promise.all(Array.from({ length: 40 }, () => statusOf(served.url)))
    expect(statuses.filter((status) => status === 200)).toHaveLength(7)
    expect(statuses.filter((status) => status === 429)).toHaveLength(33)
    expect(served.handledCount()).toBe(7)
  })

  test('serves on when clients hang up before their answer', async () => {
    const limiter = open().sluice.limiter('api', slidingLog({ limit: 100, per: '1m' }))
    let askedCount = 0
    let openGate = (): void => {}
    const gate = new Promise<void>((resolve) => {
      openGate = resolve
    })
    const served = await serve(framework, (field) => ({
      limiter,
      skip: async (request) => {
        if (field(request, 'x-wait') === undefined) return false
        askedCount++
        await gate
        return false
      },
    }))
    const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nx-wait: yes\r\n\r\n')
    await expect.poll(() => askedCount).toBe(1)
    socket.destroy()
    openGate()
    // The one who left was counted: its address was read before the wait.
    await expect.poll(async () => (await limiter.peek('127.0.0.1')).remaining).toBe(98)
    expect(await statusOf(served.url)).toBe(200)
    expect(served.errors).toEqual([])
  })
})
