// Engines with two clients of the same data, by the door that users come in by.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, inject } from 'vitest'
import { createSluice, type Sluice, type SluiceOptions } from '../../src/index.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function connect(url: string, options: SluiceOptions = {}): Sluice {
  const sluice = createSluice(url, { commandTimeout: '10s', ...options })
  cleanUps.push(() => sluice.close())
  return sluice
}

interface Place {
  name: string
  open(): { sluice: Sluice; other: Sluice }
}

export const places: readonly Place[] = [
  {
    name: 'redis',
    open() {
      const [url, prefix] = [inject('redisUrl'), `ported-${randomUUID()}`]
      return { sluice: connect(url, { prefix }), other: connect(url, { prefix }) }
    },
  },
  {
    name: 'sqlite file',
    open() {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-ported-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      const url = `sqlite:${path.join(folder, 'sluice.db')}`
      return { sluice: connect(url), other: connect(url) }
    },
  },
  {
    name: 'sqlite memory',
    // Memory has one owner: the other client is the same one.
    open() {
      const sluice = connect('memory:')
      return { sluice, other: sluice }
    },
  },
]

/** Begins what leads into a line, and waits until it is there. */
export async function join<T>(
  line: { inspect(): Promise<{ waiters: readonly unknown[] }> },
  begin: () => Promise<T>,
): Promise<{ got: Promise<T> }> {
  const waiterCount = async () => (await line.inspect()).waiters.length
  const before = await waiterCount()
  const got = begin()
  got.catch(() => {})
  await expect.poll(waiterCount, { interval: 5 }).toBe(before + 1)
  return { got }
}
