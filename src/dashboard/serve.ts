import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Sluice } from '../inspect/index.ts'
import { count, oneOf, readOptions, withDefault } from '../options.ts'
import { createDashboard, type Dashboard } from './dashboard.ts'
import { hostText, LOOPBACK_HOSTS, type LoopbackHost } from './hosts.ts'

export interface ServeOptions {
  /** The first port to try; the next free one is taken. 0 lets the system choose. Defaults to 7788. */
  port?: number
  /** An address of this machine only: the page has no login. Defaults to `127.0.0.1`. */
  host?: LoopbackHost
}

export interface DashboardServer extends AsyncDisposable {
  /** Where the page is, such as `http://127.0.0.1:7788`. */
  readonly url: string
  /** Ends every connection and frees the port. The Sluice stays open. */
  close(): Promise<void>
}

const DEFAULT_PORT = 7788
/** Ports tried after the first one. */
const MORE_PORTS = 20
/** Only a client that is slow on purpose takes longer to send a request of this page. */
const REQUEST_TIMEOUT_MS = 10_000

const serveOptions = {
  port: withDefault(count(0, 65_535), DEFAULT_PORT),
  host: withDefault(oneOf(...LOOPBACK_HOSTS), LOOPBACK_HOSTS[0]),
}

/**
 * Serves the status page of a Sluice on this machine.
 *
 * @throws {ArgumentError}; the system's error when no port is free or may be used
 */
export async function serveDashboard(
  sluice: Sluice,
  options?: ServeOptions,
): Promise<DashboardServer> {
  const { port, host } = readOptions('serveDashboard', options, serveOptions)
  const server = createServer({
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  })
  const boundPort = await listenNear(server, port, host)
  const dashboard = createDashboard(sluice, { port: boundPort })
  server.on(
    'request',
    getRequestListener((request) => dashboard.fetch(request), { overrideGlobalObjects: false }),
  )
  let closing: Promise<void> | null = null
  const close = () => {
    closing ??= stop(server, dashboard)
    return closing
  }
  return {
    url: `http://${hostText(host)}:${boundPort}`,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function listenNear(server: Server, port: number, host: string): Promise<number> {
  const last = port === 0 ? 0 : Math.min(port + MORE_PORTS, 65_535)
  for (let candidate = port; ; candidate++) {
    try {
      server.listen(candidate, host)
      await once(server, 'listening')
      break
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!taken || candidate >= last) throw error
    }
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

async function stop(server: Server, dashboard: Dashboard): Promise<void> {
  dashboard.close()
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
