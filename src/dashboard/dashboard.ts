import { type Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { SluiceError } from '../errors.ts'
import { createInspector, type Sluice } from '../inspect/index.ts'
import { count, readOptions, withDefault } from '../options.ts'
import { isAllowedHost } from './hosts.ts'
import { Live } from './live.ts'
import { page } from './page.ts'
import { script } from './script.ts'
import { style } from './style.ts'

/** The status page as a handler of web requests. Read only, and only for this machine. */
export interface Dashboard {
  fetch(request: Request): Promise<Response>
  /** Ends every live stream. Later requests are still answered while the Sluice is open. */
  close(): void
}

export interface DashboardOptions {
  /** The port that a Host header must name. Defaults to any. */
  port?: number
}

export const dashboardOptions = { port: withDefault(count(1, 65_535), undefined) }

/** Live streams at one time. */
const MOST_STREAMS = 20
/** A stream without news says something this often, so that a dead one is found. */
const SIGN_OF_LIFE_MS = 15_000

const SAFE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** Everything that is not data. A fixed list: no path of a request reaches a file system. */
const ASSETS = [
  { path: '/', type: 'text/html; charset=utf-8', body: page },
  { path: '/page.js', type: 'text/javascript; charset=utf-8', body: script },
  { path: '/page.css', type: 'text/css; charset=utf-8', body: style },
] as const

/**
 * The status page of one Sluice: `/` is the page, `/api/overview` its data, `/api/live` a stream of
 * server-sent events with the data whenever it changes. Requests that name another host than
 * this machine are refused, as are all methods but GET and HEAD.
 *
 * @throws {ArgumentError}
 */
export function createDashboard(sluice: Sluice, options?: DashboardOptions): Dashboard {
  const { port } = readOptions('createDashboard', options, dashboardOptions)
  const live = new Live(createInspector(sluice))
  const closing = new AbortController()
  let streamCount = 0
  const app = new Hono()

  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(SAFE_HEADERS)) context.header(name, value)
    if (!isAllowedHost(context.req.raw, port)) return refuse(context, 403, 'host')
    const { method } = context.req
    if (method !== 'GET' && method !== 'HEAD') {
      context.header('Allow', 'GET, HEAD')
      return refuse(context, 405, 'method')
    }
    return next()
  })
  for (const { path, type, body } of ASSETS) {
    app.get(path, (context) => context.body(body, 200, { 'Content-Type': type }))
  }
  app.get('/api/overview', async (context) => context.json((await live.current()).overview))
  app.get('/api/live', (context) => {
    if (context.req.raw.method === 'HEAD') return context.body(null)
    if (streamCount >= MOST_STREAMS) {
      context.header('Retry-After', '5')
      return refuse(context, 429, 'streams')
    }
    streamCount++
    return streamLive(context, live, closing.signal, () => {
      streamCount--
    })
  })
  app.notFound((context) => refuse(context, 404, 'path'))
  app.onError((error, context) => {
    // A message may name the server and where it is: a browser gets the code alone.
    return error instanceof SluiceError
      ? refuse(context, 503, error.code)
      : refuse(context, 500, 'internal')
  })
  return {
    fetch: async (request) => app.fetch(request),
    close: () => closing.abort(),
  }
}

const refuse = (context: Context, status: 403 | 404 | 405 | 429 | 500 | 503, error: string) =>
  context.json({ error }, status)

function streamLive(
  context: Context,
  live: Live,
  closing: AbortSignal,
  onEnd: () => void,
): Response {
  return streamSSE(context, async (stream) => {
    const gone = new AbortController()
    stream.onAbort(() => gone.abort())
    const ended = AbortSignal.any([gone.signal, closing])
    let version = 0
    try {
      while (!ended.aborted && !stream.closed) {
        version = await sendNext(live, version, ended, {
          news: (data) => stream.writeSSE({ event: 'overview', data }),
          trouble: (data) => stream.writeSSE({ event: 'trouble', data }),
          signOfLife: () => stream.write(': still here\n\n'),
        })
      }
    } finally {
      onEnd()
    }
  })
}

interface Sender {
  news(data: string): Promise<unknown>
  trouble(data: string): Promise<unknown>
  signOfLife(): Promise<unknown>
}

/** Waits for the next news and sends them. Returns the version that was sent last. */
async function sendNext(live: Live, version: number, ended: AbortSignal, sender: Sender) {
  try {
    const snapshot =
      version === 0 ? await live.current() : await live.after(version, SIGN_OF_LIFE_MS, ended)
    if (snapshot === null) await sender.signOfLife()
    else await sender.news(JSON.stringify(snapshot.overview))
    return snapshot?.version ?? version
  } catch (error) {
    await sender.trouble(JSON.stringify({ error: error instanceof SluiceError ? error.code : '' }))
    await live.pause(ended)
    return 0
  }
}
