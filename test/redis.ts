// A real server for a test: a fresh child process on a free port of this machine.
import { connect } from 'node:net'
import { startServer } from './fault/server.js'

export interface RedisOptions {
  /** More server arguments; they win over those set here. */
  readonly args?: readonly string[]
  /** A fixed port, to come back on after a kill. Defaults to a free one. */
  readonly port?: number
  /** A data folder that outlives the server. Defaults to one that goes with it. */
  readonly folder?: string
}

export interface RedisProcess {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends the server in an orderly way. */
  stop(): Promise<void>
  /** Ends the server as a crash does. */
  kill(): Promise<void>
  /** Freezes the server: its sockets stay open and nothing answers. */
  pause(): void
  resume(): void
}

/** Where the servers of one test run keep their folders; set by the global setup. */
export const runFolderVariable = 'SLUICE_TEST_FOLDER'

export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const server = await startServer(options)
  return {
    url: server.url,
    port: server.port,
    pid: server.pid,
    async stop() {
      await server.stop()
      await server.close()
    },
    kill: () => server.close(),
    pause: () => server.pause(),
    resume: () => server.resume(),
  }
}

/**
 * One inline command to a port of this machine or a Unix socket. The answer is cut at its first
 * packet, and empty when there is none.
 */
export function ask(at: number | string, command: string, timeoutMs = 1_000): Promise<string> {
  const address = typeof at === 'number' ? { port: at, host: '127.0.0.1' } : { path: at }
  return new Promise((resolve) => {
    const socket = connect(address, () => socket.write(`${command}\r\n`))
    const settle = (answer: string) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => settle(''))
    socket.once('data', (data) => settle(data.toString()))
    socket.once('error', () => settle(''))
    socket.once('close', () => settle(''))
  })
}
