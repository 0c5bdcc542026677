// A Redis and its replica, for tests in which the replica stands still or goes.
import { randomUUID } from 'node:crypto'
import { createSluice, type Sluice, type SluiceOptions } from '../src/sluice.ts'
import { isInStep, waitUntil } from './fault/resp.js'
import { startServer } from './fault/server.js'

export type Server = Awaited<ReturnType<typeof startServer>>

export const COMMAND_TIMEOUT_MS = 1_000
/** What a busy machine may add to a promised time. */
export const SLACK_MS = 1_000
export const READY_MS = 15_000
export const TEST_TIMEOUT_MS = 60_000

export const cleanUps: (() => unknown)[] = []
/** After each test. */
export async function cleanUp(): Promise<void> {
  for (const one of cleanUps.splice(0).reverse()) await one()
}

let pair: { master: Server; replica: Server } | undefined

async function startPair(): Promise<{ master: Server; replica: Server }> {
  if (pair) return pair
  const master = await startServer({ args: ['--repl-diskless-sync-delay', '0'] })
  const replica = await startServer({ args: ['--replicaof', master.host, `${master.port}`] })
  pair = { master, replica }
  return pair
}

export async function closePair(): Promise<void> {
  const { master, replica } = pair ?? {}
  pair = undefined
  await Promise.all([master?.close(), replica?.close()])
}

async function isAttached({ master }: { master: Server }): Promise<boolean> {
  const info = String(await master.command('INFO', 'replication'))
  return isInStep(info) && info.includes('state=online')
}

export function connect(url: string, options: SluiceOptions = {}): Sluice {
  const logger = { info() {}, warn() {}, error() {} }
  const settings = { prefix: `durability-${randomUUID()}`, commandTimeout: COMMAND_TIMEOUT_MS }
  const sluice = createSluice(url, { ...settings, logger, ...options })
  cleanUps.push(() => sluice.close())
  return sluice
}

export const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

/** A master whose only replica has everything that it has, and a Sluice on it. */
export async function openPair(options: SluiceOptions = {}) {
  const servers = await startPair()
  const { master, replica } = servers
  cleanUps.push(() => replica.resume())
  await waitUntil('the replica is attached', READY_MS, () => isAttached(servers))
  const prefix = `durability-${randomUUID()}`
  return { master, replica, sluice: connect(master.url, { prefix, ...options }), prefix }
}
