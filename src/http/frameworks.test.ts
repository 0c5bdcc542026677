// What one framework has that the others have not, and what their types make of the options.
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request as requestOver } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import express from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import ts from 'typescript'
import { afterEach, describe, expect, test } from 'vitest'
import { createSluice, type Limiter, slidingLog } from '../index.ts'
import { rateLimit as limitExpress } from './express.ts'
import { rateLimit as limitFastify, rateLimitHook } from './fastify.ts'
import { rateLimit as limitHono } from './hono.ts'
import { rateLimit as limitKoa } from './koa.ts'

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

function openLimiter(limit = 1, name = 'api'): Limiter {
  const sluice = createSluice('memory:')
  opened.push(() => sluice.close())
  return sluice.limiter(name, slidingLog({ limit, per: '1h' }))
}
const everybody = () => 'everybody'

describe('hono', () => {
  interface Bindings {
    incoming: { socket: { remoteAddress: string } }
  }
  const bindingsOf = (remoteAddress: string): Bindings => ({
    incoming: { socket: { remoteAddress } },
  })

  test('keeps the fields on a Response that a handler made, and on that of an error', async () => {
    const app = new Hono()
    app.use(limitHono({ limiter: openLimiter(9), key: everybody }))
    app.get('/own', () => new Response('own', { headers: { 'x-own': 'yes' } }))
    app.get('/error', () => {
      throw new Error('an error')
    })
    app.onError((_, context) => context.text('sorry', 500))
    const own = await app.request('/own')
    expect([own.headers.get('x-own'), own.headers.get('ratelimit')]).toEqual([
      'yes',
      '"api";r=8;t=3600',
    ])
    expect((await app.request('/error')).headers.get('ratelimit')).toMatch('"api";r=7')
    expect((await app.request('/nowhere')).headers.get('ratelimit')).toMatch('"api";r=6')
  })

  test('finds the address where a server puts it', async () => {
    const app = new Hono()
    app.use(limitHono({ limiter: openLimiter() }))
    app.get('/', (context) => context.text('hello'))
    const statusFor = async (bindings: object) => (await app.request('/', {}, bindings)).status
    expect(await statusFor(bindingsOf('192.0.2.1'))).toBe(200)
    expect(await statusFor({ server: bindingsOf('192.0.2.1') })).toBe(429)
    expect(await statusFor(bindingsOf('192.0.2.2'))).toBe(200)
  })

  test('says what to do where no server says the address', async () => {
    const app = new Hono()
    const errors: Error[] = []
    app.use(limitHono({ limiter: openLimiter() }))
    app.onError((error, context) => {
      errors.push(error)
      return context.text('sorry', 500)
    })
    expect((await app.request('/')).status).toBe(500)
    expect(errors).toMatchObject([{ code: 'SLUICE_ARGUMENT', argument: 'rateLimit.address' }])
    expect(errors[0]?.message).toContain('Pass address or proxy, or a key that needs no address.')
  })

  test('leaves an upgrade alone', async () => {
    const app = new Hono()
    app.use(limitHono({ limiter: openLimiter(), key: everybody }))
    // No fetch API can build a 101, but servers that upgrade have responses of their own.
    const upgrade = Object.defineProperty(new Response(null), 'status', { value: 101 })
    app.get('/', () => upgrade)
    expect(await app.request('/')).toBe(upgrade)
  })

  test('types its requests', async () => {
    interface Visit {
      Variables: { userId: string }
    }
    const app = new Hono<Visit>()
    app.use((context, next) => {
      context.set('userId', context.req.header('x-user') ?? 'nobody')
      return next()
    })
    const key = (context: Context<Visit>) => context.get('userId')
    app.use(limitHono({ limiter: openLimiter(2), key: (context) => context.get('userId') }))
    app.use(limitHono({ limiter: openLimiter(), key }))
    app.get('/', (context) => context.text(context.get('userId')))
    const statusFor = async (user: string) =>
      (await app.request('/', { headers: { 'x-user': user } })).status
    expect([await statusFor('ada'), await statusFor('ada'), await statusFor('bob')]).toEqual([
      ...[200, 429, 200],
    ])
  })
})

describe('express', () => {
  test('types its requests, and limits a single route', async () => {
    const app = express()
    const limit = limitExpress({
      limiter: openLimiter(),
      key: (request: express.Request) => request.get('x-user') ?? 'nobody',
    })
    app.get('/limited', limit, (_, response) => {
      response.send('hello')
    })
    app.get('/free', (_, response) => {
      response.send('hello')
    })
    const server = app.listen(0)
    await once(server, 'listening')
    opened.push(async () => server.close())
    const { port } = server.address() as { port: number }
    const ask = async (route: string) => (await fetch(`http://127.0.0.1:${port}${route}`)).status
    expect([await ask('/limited'), await ask('/limited'), await ask('/free')]).toEqual([
      ...[200, 429, 200],
    ])
  })

  test('leaves a response alone that was sent meanwhile', async () => {
    const app = express()
    let isSent = (): void => {}
    const sent = new Promise<void>((resolve) => {
      isSent = resolve
    })
    const limiter = openLimiter()
    await limiter.take('everybody')
    const isDone = new Promise<void>((resolve) => {
      const limit = limitExpress({ limiter, key: async () => sent.then(everybody) })
      app.use((request, response, next) => {
        limit(request, response, next)
        response.status(504).send('too late')
        isSent()
        limiter.peek('everybody').then(() => setImmediate(resolve), next)
      })
    })
    const errors: unknown[] = []
    const report: express.ErrorRequestHandler = (error, _, __, next) => {
      errors.push(error)
      next(error)
    }
    app.use(report)
    const server = app.listen(0)
    await once(server, 'listening')
    opened.push(async () => server.close())
    const { port } = server.address() as { port: number }
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect([response.status, await response.text()]).toEqual([504, 'too late'])
    await isDone
    expect(errors).toEqual([])
  })

  test('on a Unix socket, counts by what the proxy in front says', async () => {
    const app = express()
    app.use(limitExpress({ limiter: openLimiter(), proxy: { header: 'X-Real-IP' } }))
    app.get('/', (_, response) => {
      response.send('hello')
    })
    const socketPath = path.join(tmpdir(), `sluice-http-${process.pid}.sock`)
    const server = app.listen(socketPath)
    await once(server, 'listening')
    opened.push(async () => server.close())
    const ask = async (headers: Record<string, string>) => {
      const asked = requestOver({ socketPath, headers }).end()
      const [response] = await once(asked, 'response')
      response.resume()
      return response.statusCode
    }
    const statuses = [
      await ask({ 'x-real-ip': '192.0.2.1' }),
      await ask({ 'x-real-ip': '192.0.2.1' }),
    ]
    expect([...statuses, await ask({ 'x-real-ip': '192.0.2.2' })]).toEqual([200, 429, 200])
    expect(await ask({})).toBe(500)
  })
})

describe('fastify', () => {
  test('limits the instance that it is registered on, and its children', async () => {
    const app = fastify()
    opened.push(() => app.close())
    app.get('/free', () => 'hello')
    await app.register(async (scope) => {
      await scope.register(limitFastify({ limiter: openLimiter(), key: everybody }))
      scope.get('/limited', () => 'hello')
      await scope.register(async (child) => {
        child.get('/child', () => 'hello')
      })
    })
    const ask = async (url: string) => (await app.inject(url)).statusCode
    expect([await ask('/limited'), await ask('/limited'), await ask('/child')]).toEqual([
      ...[200, 429, 429],
    ])
    expect(await ask('/free')).toBe(200)
  })

  test('limits a single route, at the stage that knows the key', async () => {
    const app = fastify()
    opened.push(() => app.close())
    const preHandler = rateLimitHook({
      limiter: openLimiter(),
      key: (request: FastifyRequest) => (request.body as { user: string }).user,
    })
    app.post('/limited', { preHandler }, () => 'hello')
    const ask = async (user: string) =>
      (await app.inject({ method: 'POST', url: '/limited', payload: { user } })).statusCode
    expect([await ask('ada'), await ask('ada'), await ask('bob')]).toEqual([200, 429, 200])
  })

  test('leaves a reply alone that was sent meanwhile', async () => {
    const logged: string[] = []
    const app = fastify({
      logger: { level: 'warn', stream: { write: (line) => logged.push(line) } },
    })
    opened.push(() => app.close())
    let isAnswered = (): void => {}
    const answered = new Promise<void>((resolve) => {
      isAnswered = resolve
    })
    app.addHook('onRequest', async (_, reply) => {
      setImmediate(() => {
        reply.code(504).send('too late')
        reply.raw.once('finish', isAnswered)
      })
    })
    const limiter = openLimiter()
    await limiter.take('everybody')
    await app.register(limitFastify({ limiter, key: () => answered.then(everybody) }))
    app.get('/', () => 'hello')
    const response = await app.inject('/')
    expect([response.statusCode, response.body]).toEqual([504, 'too late'])
    await answered
    // Asked after the hook has asked, and answered after it.
    await limiter.peek('everybody')
    await new Promise((resolve) => setImmediate(resolve))
    expect(logged).toEqual([])
  })
})

describe('koa', () => {
  test('types its requests', async () => {
    const app = new Koa<{ user: string }>()
    app.use((context, next) => {
      context.state.user = context.get('x-user')
      return next()
    })
    app.use(
      limitKoa({
        limiter: openLimiter(),
        key: (context: Koa.ParameterizedContext<{ user: string }>) => context.state.user,
      }),
    )
    app.use((context) => {
      context.body = 'hello'
    })
    const server = app.listen(0)
    await once(server, 'listening')
    opened.push(async () => server.close())
    const { port } = server.address() as { port: number }
    const statusFor = async (user: string) =>
      (await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-user': user } })).status
    expect([await statusFor('ada'), await statusFor('ada'), await statusFor('bob')]).toEqual([
      ...[200, 429, 200],
    ])
  })
})

describe('a limiter that decides without its engine', () => {
  const without = (allowed: boolean, retryAfterMs: number | null): Limiter => {
    const limiter = openLimiter()
    const said = { allowed, retryAfterMs, limit: 1, remaining: 0, resetAfterMs: 900 }
    const rules = limiter.rules.map((rule) => ({ rule, ...said }))
    const refusedBy = allowed ? [] : limiter.rules
    return {
      ...limiter,
      take: async () => ({ ...said, rules, refusedBy, source: 'engine', degraded: true }),
    }
  }
  const ask = async (limiter: Limiter) => {
    const app = new Hono()
    app.use(limitHono({ limiter, key: everybody, legacyHeaders: true, retryJitter: 0 }))
    app.get('/', (context) => context.text('hello'))
    return app.request('/')
  }

  test('is said to be short of capacity when it refuses', async () => {
    const response = await ask(without(false, 900))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(response.headers.has('ratelimit')).toBe(false)
    expect(await response.json()).toMatchObject({ title: 'Temporary Reduced Capacity' })
    expect((await ask(without(false, null))).headers.has('retry-after')).toBe(false)
  })

  test('claims no counts when it lets through', async () => {
    const response = await ask(without(true, 0))
    expect(response.status).toBe(200)
    const names = [...response.headers.keys()].filter((name) => name.includes('ratelimit'))
    expect(names).toEqual(['ratelimit-policy'])
  })
})

describe('requests through a proxy that nobody spoke of', () => {
  async function warningsOf(options: object, remoteAddress: string): Promise<string[]> {
    const warnings: string[] = []
    const listener = (warning: Error & { code?: string }) => {
      if (warning.code === 'SLUICE_PROXY_UNSET') warnings.push(warning.message)
    }
    process.on('warning', listener)
    const app = new Hono()
    app.use(limitHono({ limiter: openLimiter(9), ...options }))
    for (let visit = 0; visit < 3; visit++) {
      const bindings = { incoming: { socket: { remoteAddress } } }
      await app.request('/', { headers: { 'x-forwarded-for': '192.0.2.1' } }, bindings)
    }
    // Node emits warnings in the next turn.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listener)
    return warnings
  }

  test.each(['10.1.2.3', '::ffff:172.16.0.9', '127.0.0.1', '::1', 'fd00::1'])(
    'are warned of once: from %s',
    async (address) => {
      const shown = address.replace('::ffff:', '')
      expect(await warningsOf({}, address)).toEqual([
        `rateLimit counts all requests that come through ${shown} as one client. If that is a proxy ` +
          'of yours, pass proxy: { hops: 1 }; if it is a client, proxy: { hops: 0 }.',
      ])
    },
  )

  test('are not when somebody spoke, or a client wrote the field', async () => {
    expect(await warningsOf({ proxy: { hops: 0 } }, '10.1.2.3')).toEqual([])
    expect(await warningsOf({ proxy: {} }, '10.1.2.3')).toEqual([])
    expect(await warningsOf({ key: everybody }, '10.1.2.3')).toEqual([])
    expect(await warningsOf({}, '198.51.100.1')).toEqual([])
  })
})

test('nobody needs a framework that they do not use', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^[\w-]+\.ts$/.test(name))
  const imported = files.flatMap((name) => {
    const text = readFileSync(path.join(import.meta.dirname, name), 'utf8')
    const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
    return names.filter((name) => !name.startsWith('.')).map((module) => `${name} ${module}`)
  })
  expect(imported.sort()).toEqual([
    'address.ts node:net',
    'client.ts node:net',
    'guest-list.ts node:net',
    'hono.ts hono',
  ])
  const hono = readFileSync(path.join(import.meta.dirname, 'hono.ts'), 'utf8')
  expect(hono).toMatch(/^import type \{[^}]*\} from 'hono'$/m)
})
