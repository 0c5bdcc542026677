// Requests that a concurrency rule lets in hold their lease until the response is over, on real sockets.
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterEach, describe, expect, test } from 'vitest'
import { concurrency, createSluice, type Limiter } from '../index.ts'
import { rateLimit as limitExpress } from './express.ts'
import { rateLimit as limitFastify } from './fastify.ts'
import { rateLimit as limitHono } from './hono.ts'
import { rateLimit as limitKoa } from './koa.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function openLimiter(): Limiter {
  const sluice = createSluice('memory:')
  closers.push(() => sluice.close())
  return sluice.limiter('api', concurrency({ limit: 1, lease: '1m' }))
}
const key = () => 'everybody'
type Handler = () => Promise<string>
type Start = (limiter: Limiter, handler: Handler) => Promise<number>

const nodeServer = async (server: import('node:http').Server) => {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const FRAMEWORKS: Record<string, Start> = {
  express(limiter, handler) {
    const app = express()
    app.use(limitExpress({ limiter, key }))
    app.get('/', async (_, response) => {
      response.send(await handler())
    })
    return nodeServer(createServer(app))
  },
  koa(limiter, handler) {
    const app = new Koa()
    app.use(limitKoa({ limiter, key }))
    app.use(async (context) => {
      context.body = await handler()
    })
    return nodeServer(createServer(app.callback()))
  },
  async fastify(limiter, handler) {
    const app = fastify()
    await app.register(limitFastify({ limiter, key }))
    app.get('/', handler)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return nodeServer(app.server)
  },
  async hono(limiter, handler) {
    const app = new Hono()
    app.use(limitHono({ limiter, key }))
    app.get('/', async (context) => context.text(await handler()))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    return nodeServer(server as import('node:http').Server)
  },
}

const isFree = (limiter: Limiter) =>
  expect.poll(async () => (await limiter.peek('everybody', { cost: 0 })).remaining)

/** A handler that answers when it is told to. */
function gate() {
  let open = (): void => {}
  let began = (): void => {}
  const isOpen = new Promise<void>((resolve) => {
    open = resolve
  })
  const hasBegun = new Promise<void>((resolve) => {
    began = resolve
  })
  const handler = async () => {
    began()
    await isOpen
    return 'hello'
  }
  return { handler, hasBegun, open }
}

describe.each(Object.entries(FRAMEWORKS))('%s', (_, start) => {
  test('holds a lease until the response is sent', async () => {
    const limiter = openLimiter()
    const { handler, hasBegun, open } = gate()
    const url = `http://127.0.0.1:${await start(limiter, handler)}/`
    const first = fetch(url)
    await hasBegun
    expect((await fetch(url)).status).toBe(429)
    open()
    expect(await (await first).text()).toBe('hello')
    await isFree(limiter).toBe(1)
    expect((await fetch(url)).status).toBe(200)
  })

  test('gives it back when the client hangs up', async () => {
    const limiter = openLimiter()
    const { handler, hasBegun, open } = gate()
    const port = await start(limiter, handler)
    const request = get({ port, host: '127.0.0.1' })
    request.on('error', () => {})
    await hasBegun
    expect(await limiter.peek('everybody', { cost: 0 })).toMatchObject({ remaining: 0 })
    request.destroy()
    await isFree(limiter).toBe(1)
    open()
  })
})

describe('hono without node', () => {
  test('holds a lease until the body is read, or given up', async () => {
    const limiter = openLimiter()
    const app = new Hono()
    app.use(limitHono({ limiter, key }))
    app.get('/', (context) => context.text('hello'))
    app.get('/empty', (context) => context.body(null))
    const response = await app.request('/')
    expect((await app.request('/')).status).toBe(429)
    expect(await response.text()).toBe('hello')
    await isFree(limiter).toBe(1)
    const given = await app.request('/')
    await given.body?.cancel()
    await isFree(limiter).toBe(1)
    expect((await app.request('/empty')).status).toBe(200)
    await isFree(limiter).toBe(1)
  })
})
