// A Sluice under faults: what it tells, and how long it takes to work again.
import { randomUUID } from 'node:crypto'
import { afterEach } from 'vitest'
import {
  createSluice,
  type EngineEvents,
  type Sluice,
  type SluiceOptions,
} from '../../src/index.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

/** Closes it after the test, the last one first. */
export function closing<T extends { close(): unknown }>(one: T): T {
  open.push(one)
  return one
}

type Told = { [Name in keyof EngineEvents]: { atMs: number; event: EngineEvents[Name] }[] }

/** A Sluice of its own, closed after the test; what it told, and when. */
export function connect(engine: Parameters<typeof createSluice>[0], options: SluiceOptions = {}) {
  const warnings: string[] = []
  const logger = { info() {}, warn: (line: string) => warnings.push(line), error() {} }
  const sluice = closing(
    createSluice(engine, { prefix: `supervisor-${randomUUID()}`, logger, ...options }),
  )
  const told: Told = { unavailable: [], available: [], reset: [] }
  const note = <Name extends keyof EngineEvents>(name: Name) =>
    sluice.on(name, (event) => told[name].push({ atMs: performance.now(), event }))
  for (const name of ['unavailable', 'available', 'reset'] as const) note(name)
  return { sluice, told, warnings }
}

export const now = () => performance.now()
/** What it rejects with; null if it does not. */
export const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

/** Milliseconds until a lock can be had. */
export async function untilWorks(sluice: Sluice): Promise<number> {
  const startedMs = now()
  while (await failureOf(sluice.lock('resumed').run(() => {}))) {
    if (now() - startedMs > 15_000) throw new Error('did not resume within 15 s')
  }
  return now() - startedMs
}
