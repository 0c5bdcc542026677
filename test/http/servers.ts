// The same small server in every framework, on a real socket, limited by the middleware under test.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { rateLimit as limitExpress } from '../../src/http/express.ts'
import { rateLimit as limitFastify } from '../../src/http/fastify.ts'
import { rateLimit as limitHono } from '../../src/http/hono.ts'
import { rateLimit as limitKoa } from '../../src/http/koa.ts'
import type { RateLimitOptions } from '../../src/http/options.ts'

/** It has no types of its own, and is used as its successor is. */
const express4 = createRequire(import.meta.url)('express4') as typeof express

/** Reads a field of the framework's own request, as a user's function would. */
export type ReadField<Request> = (request: Request, name: string) => string | undefined

/** Options for whatever a request is in the framework. One for each limit on the path. */
export type MakeOptions = <Request>(field: ReadField<Request>) => RateLimitOptions<Request>

export interface Served {
  readonly url: string
  /** Requests that reached the handler. */
  handledCount(): number
  /** Errors that reached the framework's error handler, whose answer is a 500 with their code. */
  readonly errors: readonly unknown[]
  close(): Promise<void>
}

export interface Framework {
  readonly name: string
  /** Listens on all addresses, so that IPv4 clients look like IPv6 ones where there is IPv6. */
  serve(...limits: readonly MakeOptions[]): Promise<Served>
}

class Visits {
  count = 0
  readonly errors: unknown[] = []
  greet = (): string => {
    this.count++
    return 'hello'
  }
  report = (error: unknown): { code: string } => {
    this.errors.push(error)
    return { code: error instanceof Error && 'code' in error ? String(error.code) : 'none' }
  }
}

async function served(server: Server, visits: Visits): Promise<Served> {
  if (!server.listening) await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handledCount: () => visits.count,
    errors: visits.errors,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

const listen = (listener: RequestListener, visits: Visits) =>
  served(createServer(listener).listen(0), visits)

const serveExpress =
  (make: typeof express): Framework['serve'] =>
  (...limits) => {
    const visits = new Visits()
    const app = make()
    for (const limit of limits) {
      app.use(limitExpress(limit((request: express.Request, name) => request.get(name))))
    }
    app.get('/', (_, response) => {
      response.send(visits.greet())
    })
    const report: express.ErrorRequestHandler = (error, _, response, __) => {
      response.status(500).json(visits.report(error))
    }
    app.use(report)
    return listen(app, visits)
  }

export const frameworks: readonly Framework[] = [
  {
    name: 'hono',
    serve(...limits) {
      const visits = new Visits()
      const app = new Hono()
      for (const limit of limits) {
        app.use(limitHono(limit((context: Context, name) => context.req.header(name))))
      }
      app.get('/', (context) => context.text(visits.greet()))
      app.onError((error, context) => context.json(visits.report(error), 500))
      return served(serveHono({ fetch: app.fetch, port: 0 }) as Server, visits)
    },
  },
  { name: 'express 5', serve: serveExpress(express) },
  { name: 'express 4', serve: serveExpress(express4) },
  {
    name: 'fastify',
    async serve(...limits) {
      const visits = new Visits()
      const app = fastify()
      for (const limit of limits) {
        await app.register(
          limitFastify(limit((request, name) => request.raw.headers[name]?.toString())),
        )
      }
      app.get('/', () => visits.greet())
      app.setErrorHandler((error, _, reply) => reply.code(500).send(visits.report(error)))
      await app.listen({ port: 0, host: '::' })
      return { ...(await served(app.server, visits)), close: () => app.close() }
    },
  },
  {
    name: 'koa',
    serve(...limits) {
      const visits = new Visits()
      const app = new Koa()
      app.use(async (context, next) => {
        await next().catch((error: unknown) => {
          context.status = 500
          context.body = visits.report(error)
        })
      })
      for (const limit of limits) {
        app.use(limitKoa(limit((context: Koa.Context, name) => context.get(name) || undefined)))
      }
      app.use((context) => {
        context.body = visits.greet()
      })
      return listen(app.callback(), visits)
    },
  },
]
