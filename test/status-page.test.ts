// The status page as browsers and attackers meet it: real requests, a real engine, hostile names.
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { createDashboard, type Dashboard, serveDashboard } from '../src/dashboard/index.ts'
import { script } from '../src/dashboard/script.ts'
import { ArgumentError, createSluice, type Sluice, slidingLog } from '../src/index.ts'
import { createInspector, type Overview } from '../src/inspect/index.ts'

const hostileNames = [
  '<img src=x onerror=alert(1)>',
  '</script><script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  "javascript:alert('1')",
  '{{constructor.constructor("alert(1)")()}}',
  '\u2028&lt;b&gt;',
]

let sluice: Sluice
let dashboard: Dashboard

beforeEach(() => {
  sluice = createSluice('memory:')
  dashboard = createDashboard(sluice)
})
afterEach(async () => {
  dashboard.close()
  await sluice.close({ timeout: 0 })
})

const get = (path: string, init: RequestInit = {}) =>
  dashboard.fetch(new Request(`http://127.0.0.1:7788${path}`, init))

/** Reads whole server-sent events. */
function eventsOf(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async next(): Promise<string> {
      while (!text.includes('\n\n')) {
        const chunk = await reader?.read()
        if (chunk === undefined || chunk.done) return ''
        text += chunk.value
      }
      const end = text.indexOf('\n\n')
      const event = text.slice(0, end)
      text = text.slice(end + 2)
      return event
    },
    cancel: () => reader?.cancel(),
  }
}

describe('every answer', () => {
  test.each([
    ['/', 'GET', 200, 'text/html; charset=utf-8'],
    ['/page.js', 'GET', 200, 'text/javascript; charset=utf-8'],
    ['/page.css', 'GET', 200, 'text/css; charset=utf-8'],
    ['/api/overview', 'GET', 200, 'application/json'],
    ['/api/live', 'HEAD', 200, null],
    ['/', 'HEAD', 200, 'text/html; charset=utf-8'],
    ['/nowhere', 'GET', 404, 'application/json'],
    ['/../package.json', 'GET', 404, 'application/json'],
    ['/%2e%2e/package.json', 'GET', 404, 'application/json'],
    ['/', 'POST', 405, 'application/json'],
    ['/api/overview', 'DELETE', 405, 'application/json'],
    ['/api/overview', 'OPTIONS', 405, 'application/json'],
  ])('%s %s is %i and carries the safe headers', async (path, method, status, type) => {
    const response = await get(path, { method })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    )
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    if (status === 405) expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  test.each([
    ['127.0.0.1:7788', 200],
    ['localhost:7788', 200],
    ['LOCALHOST:7788', 200],
    ['[::1]:7788', 200],
    ['localhost', 403],
    ['localhost:7789', 403],
    ['evil.example', 403],
    ['evil.example:7788', 403],
    ['127.0.0.1.evil.example:7788', 403],
    ['localhost:7788.evil.example', 403],
    ['127.0.0.1:7788@evil.example', 403],
    ['2130706433:7788', 403],
    ['0.0.0.0:7788', 403],
    ['', 403],
  ])('to the host %j is %i', async (host, status) => {
    const strict = createDashboard(sluice, { port: 7788 })
    const response = await strict.fetch(
      new Request('http://127.0.0.1:7788/api/overview', { headers: { host } }),
    )
    expect(response.status).toBe(status)
    if (status === 403) expect(await response.json()).toEqual({ error: 'host' })
  })
})

describe('what others named', () => {
  test('comes out as JSON, to the letter, and nowhere else', async () => {
    const leases = []
    for (const name of hostileNames) {
      await sluice.queue(name).add({})
      await sluice.limiter(name, slidingLog({ limit: 5, per: '1m' })).take(name)
      leases.push(await sluice.lock(name).acquire())
    }
    const response = await get('/api/overview')
    expect(response.headers.get('content-type')).toBe('application/json')
    const { queues, locks, limits } = (await response.json()) as Overview
    const sorted = [...hostileNames].sort()
    expect(queues.rows.map(({ name }) => name)).toEqual(sorted)
    expect(locks.rows.map(({ name }) => name)).toEqual(sorted)
    expect(limits.rows.map(({ key }) => key)).toEqual(sorted)
    expect(locks.rows[0]).toMatchObject({
      holder: expect.stringContaining(`:${process.pid}:`),
      fence: expect.any(Number),
      sinceMs: expect.any(Number),
      remainingMs: expect.any(Number),
      waiterCount: 0,
    })
    for (const path of ['/', '/page.js', '/page.css']) {
      const text = await (await get(path)).text()
      for (const name of hostileNames) expect(text).not.toContain(name)
    }
    for (const lease of leases) await lease.release()
  })

  test('parks jobs, which are counted with what is in their way', async () => {
    const [name = ''] = hostileNames
    const held = await sluice.lock(name).acquire()
    const queue = sluice.queue(name, { lock: name })
    queue.work(() => {})
    await queue.addMany([1, 2])
    await expect.poll(async () => (await queue.counts()).parked).toBe(2)
    const [row] = (await createInspector(sluice).overview()).queues.rows
    expect(row).toMatchObject({ name, ready: 0, timed: 0, inFlight: 0, dead: 0, parked: 2 })
    expect(row?.gates).toEqual([
      {
        ...{ gate: `lock:${name}`, parked: 2, waiting: 1 },
        inTheWay: expect.stringMatching(/^held by \S+ pid \d+ since 2\S+Z$/),
      },
    ])
    const { locks } = await createInspector(sluice).overview()
    expect(locks.rows[0]?.waiters).toEqual([expect.stringContaining(`jobs of ${name}, `)])
    await held.release()
    await expect.poll(async () => (await queue.counts()).parked).toBe(undefined)
    const { queues } = await createInspector(sluice).overview()
    expect(queues.rows.filter((one) => 'parked' in one || 'gates' in one)).toEqual([])
  })

  test('is listed in the order of names, also where the engine knows none', async () => {
    const prefix = `test-${randomUUID()}`
    await using redis = createSluice(inject('redisUrl'), { prefix })
    const names = Array.from(
      { length: 12 },
      (_, index) => `queue ${String(index).padStart(2, '0')}`,
    )
    await Promise.all(names.map((name) => redis.queue(name).add({})))
    const { queues } = await createInspector(redis).overview()
    expect(queues.rows.map(({ name }) => name)).toEqual(names)
  })

  test('is cut at 200 of each, and says so', async () => {
    const names = Array.from({ length: 201 }, (_, index) => `queue ${index}`)
    await Promise.all(names.slice(1).map((name) => sluice.queue(name).add({})))
    const full = await createInspector(sluice).overview()
    expect([full.queues.rows.length, full.queues.more]).toEqual([200, false])
    await sluice.queue('queue 0').add({})
    const over = await createInspector(sluice).overview()
    expect([over.queues.rows.length, over.queues.more]).toEqual([200, true])
  })

  test('is never markup to the page, which has nothing inline either', async () => {
    expect(script).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|setAttribute|\.(href|src|style|on\w+)\s*=/,
    )
    const html = await (await get('/')).text()
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=|https?:/)
  })
})

describe('the live stream', () => {
  test('tells the state at once, then only what has changed', { timeout: 20_000 }, async () => {
    const events = eventsOf(await get('/api/live'))
    expect(await events.next()).toMatch(/^event: overview\ndata: \{/)
    const second = events.next()
    const quiet = new Promise((resolve) => setTimeout(() => resolve('quiet'), 2_500))
    expect(await Promise.race([second, quiet])).toBe('quiet')
    await sluice.queue('mails').add({})
    expect(await second).toContain('"mails"')
    await events.cancel()
  })

  test('is given to 20 at one time; who leaves makes room', async () => {
    const streams = []
    for (let count = 0; count < 20; count++) streams.push(eventsOf(await get('/api/live')))
    const refused = await get('/api/live')
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('5')
    await streams.pop()?.cancel()
    await expect
      .poll(async () => {
        const response = await get('/api/live')
        streams.push(eventsOf(response))
        return response.status
      })
      .toBe(200)
    for (const stream of streams) await stream.cancel()
  })

  test('ends when the page is closed', async () => {
    const events = eventsOf(await get('/api/live'))
    await events.next()
    dashboard.close()
    expect(await events.next()).toBe('')
  })
})

describe('a failing engine', () => {
  test('is a 503 with a code, and nothing of where it is', async () => {
    const down = createSluice('redis://127.0.0.1:1', { commandTimeout: '100ms' })
    const response = await createDashboard(down).fetch(new Request('http://localhost/api/overview'))
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ error: 'SLUICE_ENGINE_UNAVAILABLE' })
    await down.close()
  })
})

describe('the server', () => {
  test('takes the next port when one is taken, and answers only to its own', async () => {
    await using first = await serveDashboard(sluice, { port: 0 })
    const port = Number(new URL(first.url).port)
    await using second = await serveDashboard(sluice, { port })
    expect(Number(new URL(second.url).port)).toBeGreaterThan(port)
    expect((await fetch(`${second.url}/api/overview`)).status).toBe(200)
    expect(await statusFor(second.url, `127.0.0.1:${port}`)).toBe(403)
    expect(await statusFor(second.url, 'evil.example')).toBe(403)
  })

  test('frees its port and ends its streams on close', async () => {
    const server = await serveDashboard(sluice, { port: 0 })
    const events = eventsOf(await fetch(`${server.url}/api/live`))
    await events.next()
    await Promise.all([server.close(), server.close()])
    await expect(fetch(server.url)).rejects.toThrow()
    await expect(events.next().catch(() => '')).resolves.toBe('')
  })

  test.each(['0.0.0.0', '192.168.0.1', 'example.com', ''])(
    'refuses to serve on %j',
    async (host) => {
      const options = { host } as unknown as { host: 'localhost' }
      await expect(serveDashboard(sluice, options)).rejects.toThrow(ArgumentError)
    },
  )
})

/** With a Host header that fetch would not send. */
function statusFor(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .once('error', reject)
      .end()
  })
}
