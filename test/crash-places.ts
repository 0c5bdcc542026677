// Where tests of killed processes keep their state, and what is cleaned up after each of them.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, inject } from 'vitest'

/** Starting a process takes seconds on a machine that has other work. */
export const PATIENT = { timeout: 30_000, interval: 5 }

/** Called after each test, the last one first. */
export const cleanUps: (() => unknown)[] = []

export function cleanUpAfterEach(): void {
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  })
}

export interface Place {
  readonly name: string
  open(): { url: string; prefix?: string }
}

export const crashPlaces: readonly Place[] = [
  {
    name: 'sqlite file',
    open() {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-crash-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      return { url: `sqlite:${path.join(folder, 'sluice.db')}` }
    },
  },
  { name: 'redis', open: () => ({ url: inject('redisUrl'), prefix: `crash-${randomUUID()}` }) },
]
