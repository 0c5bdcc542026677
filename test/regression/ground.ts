// What the tests of this folder stand on: servers, files and links that fail, and two clients of them.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSluice, type Hold, type Sluice, type SluiceOptions } from '../../src/index.ts'
import { closing, connect } from '../fault/connect.ts'
import { startProxy } from '../fault/proxy.js'
import { type ServerOptions, startServer } from '../fault/server.js'

/** A Redis of its own, a client that reaches it through a proxy, and another that has no fault. */
export async function openRedis(options: SluiceOptions = {}, server: ServerOptions = {}) {
  const redis = closing(await startServer(server))
  const proxy = closing(await startProxy({ to: redis }))
  const prefix = `regression-${randomUUID()}`
  const url = `redis://127.0.0.1:${proxy.port}`
  const { sluice } = connect(url, { prefix, ...options })
  const { sluice: other } = connect(redis.url, { prefix })
  await Promise.all([sluice, other].map((one) => one.lock('warm').run(() => {})))
  const keyOf = (name: string) => `${prefix}:lock:{${name}}`
  return { redis, proxy, prefix, url, sluice, other, keyOf }
}

/** A file of its own, and two clients of it. */
export async function openFile(options: SluiceOptions = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-regression-'))
  closing({ close: () => rmSync(folder, { recursive: true, force: true }) })
  const file = path.join(folder, 'sluice.db')
  const url = `sqlite:${file}`
  const [sluice, other] = [createSluice(url, options), createSluice(url, options)]
  closing(sluice)
  closing(other)
  for (const one of [sluice, other]) await one.lock('warm').run(() => {})
  return { file, url, sluice, other }
}

/** Memory has one owner: the other client is the same one. */
export async function openMemory(options: SluiceOptions = {}) {
  const sluice = closing(createSluice('memory:', options))
  return { sluice, other: sluice }
}

/** The engines on which two clients share what they lock. */
export const engines: {
  name: string
  open(options?: SluiceOptions): Promise<{ sluice: Sluice; other: Sluice }>
}[] = [
  { name: 'redis', open: openRedis },
  { name: 'sqlite file', open: openFile },
  { name: 'sqlite memory', open: openMemory },
]

/** Another program that holds the write lock of a file; settles when it does. */
export async function hogFile(file: string): Promise<{ let(): Promise<void> }> {
  const program = path.join(import.meta.dirname, '..', 'processes', 'sqlite-hog.js')
  const child: ChildProcess = fork(program, [file, '600000'])
  const gone = once(child, 'exit')
  const hog = closing({
    async close() {
      child.kill('SIGKILL')
      await gone
    },
  })
  await once(child, 'message')
  return { let: () => hog.close() }
}

/** What the holder is told, and when, by the monotonic clock. */
export function lossOf({ signal }: Hold): Promise<{ reason: unknown; atMs: number }> {
  return new Promise((resolve) => {
    const tell = () => resolve({ reason: signal.reason, atMs: performance.now() })
    if (signal.aborted) tell()
    else signal.addEventListener('abort', tell, { once: true })
  })
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

type Server = Awaited<ReturnType<typeof startServer>>

/** How many scripts a server was asked to run: every call for a lock is one, refused ones too. */
export async function countScripts(server: Server): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'))
  const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+).*?rejected_calls=(\d+)/g)]
  return calls.reduce((sum, [, ran, rejected]) => sum + Number(ran) + Number(rejected), 0)
}
