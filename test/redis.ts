// A real server for a test: a fresh child process on a free port of this machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { provideRedisServer } from '../scripts/redis-server.js'

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

const portAttempts = 5
const startTimeoutMs = 10_000
const stopTimeoutMs = 3_000
const live = new Set<ChildProcess>()
let endsWithProcess = false
let binary: ReturnType<typeof provideRedisServer> | undefined

export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnPort(options.port ?? (await findFreePort()), options)
    } catch (error) {
      // The port was free a moment ago, and may have been taken since.
      const isCollision = error instanceof Error && /address already in use/i.test(error.message)
      if (!isCollision || options.port !== undefined || attempt === portAttempts) throw error
    }
  }
}

async function startOnPort(port: number, options: RedisOptions): Promise<RedisProcess> {
  const ownFolder = mkdtempSync(path.join(process.env[runFolderVariable] ?? tmpdir(), 'redis-'))
  const log = path.join(ownFolder, 'redis.log')
  const child = await spawnServer(port, log, ownFolder, options)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const patience = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(patience)
    rmSync(ownFolder, { recursive: true, force: true })
  }
  try {
    await waitUntilReady(child, port, log)
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    stop: () => {
      child.kill('SIGCONT')
      return end('SIGTERM')
    },
    kill: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

async function spawnServer(port: number, log: string, ownFolder: string, options: RedisOptions) {
  binary ??= provideRedisServer()
  const server = await binary
  const args = [
    ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', options.folder ?? ownFolder],
    ...['--pidfile', path.join(ownFolder, 'redis.pid')],
    ...['--save', '', '--appendonly', 'no'],
    ...(options.args ?? []),
  ]
  const output = openSync(log, 'w')
  const child = spawn(server.binary, args, {
    argv0: server.argv0,
    env: { ...process.env, ...server.env },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  // Without a handler a failing start would end the test process; the exit code tells as much.
  child.on('error', () => {})
  live.add(child)
  child.once('exit', () => live.delete(child))
  endWithThisProcess()
  return child
}

/** No server outlives the process that started it, however that process ends. */
function endWithThisProcess(): void {
  if (endsWithProcess) return
  endsWithProcess = true
  process.on('exit', () => {
    for (const child of live) child.kill('SIGKILL')
  })
  // vitest ends its workers by SIGTERM, which on its own would skip the listener above.
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(143))
  // A worker whose vitest was killed would wait for its next task for ever.
  process.once('disconnect', () => process.exit(1))
}

async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

async function waitUntilReady(child: ChildProcess, port: number, log: string): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs
  while (performance.now() < deadlineMs) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`redis-server ended at once:\n${readFileSync(log, 'utf8')}`)
    }
    if (await answersAs(child.pid, port)) return
    await delay(10)
  }
  throw new Error(
    `redis-server is silent after ${startTimeoutMs} ms:\n${readFileSync(log, 'utf8')}`,
  )
}

/** On a port lost to somebody else's server, a PING alone would be answered by the wrong one. */
async function answersAs(pid: number, port: number): Promise<boolean> {
  if (!/^(\+PONG|-NOAUTH)/.test(await ask(port, 'PING'))) return false
  const info = await ask(port, 'INFO server')
  return info.startsWith('-NOAUTH') || info.includes(`process_id:${pid}\r\n`)
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
