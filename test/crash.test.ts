// Workers as real processes, ended by kill -9, on both engines.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { createSluice, type Sluice } from '../src/sluice.ts'

interface Told {
  tag: 'ready' | 'start' | 'end'
  data: unknown
  attempt: number
  fence: number
}

/** One run: an engine of its own, and the worker processes on it. */
interface Run {
  sluice: Sluice
  told: Told[]
  startWorker(): ChildProcess
}

const LEASE_MS = 500
const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function openRun(url: string, prefix?: string): Run {
  const patient = { commandTimeout: '10s' } as const
  const sluice = createSluice(url, prefix === undefined ? patient : { prefix, ...patient })
  const told: Told[] = []
  cleanUps.push(() => sluice.close())
  return {
    sluice,
    told,
    startWorker() {
      const file = path.join(import.meta.dirname, 'processes', 'worker.js')
      const child = fork(file, [url, prefix ?? '', `${LEASE_MS}ms`])
      child.on('message', (message) => told.push(message as Told))
      cleanUps.push(() => child.kill('SIGKILL'))
      return child
    },
  }
}

const engines: { name: string; open(): Run }[] = [
  {
    name: 'sqlite file',
    open() {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-crash-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      return openRun(`sqlite:${path.join(folder, 'sluice.db')}`)
    },
  },
  { name: 'redis', open: () => openRun(inject('redisUrl'), `crash-${randomUUID()}`) },
]

/** Three crashes are three starts of Node and three leases, on a machine that has other work too. */
const PATIENT = { timeout: 60_000, interval: 20 }
const TEST_TIMEOUT_MS = 90_000
const dataOf = (told: Told[], tag: Told['tag']) =>
  told.filter((one) => one.tag === tag).map(({ data }) => data)

for (const engine of engines) {
  describe(engine.name, { timeout: TEST_TIMEOUT_MS }, () => {
    it('jobs of a killed worker are done by another, at no attempt, with a higher fence', async () => {
      const { sluice, told, startWorker } = engine.open()
      const queue = sluice.queue<number>('jobs', { attempts: 1 })
      await queue.addMany([1, 2, 3, 4, 5, 6])
      const first = startWorker()
      await expect.poll(() => dataOf(told, 'start').length, PATIENT).toBeGreaterThanOrEqual(4)
      first.kill('SIGKILL')
      startWorker()
      await expect.poll(() => new Set(dataOf(told, 'end')).size, PATIENT).toBe(6)
      await expect
        .poll(() => queue.counts(), PATIENT)
        .toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
      for (const one of told) if (one.tag === 'start') expect(one.attempt).toBe(1)
      const fences = new Map<unknown, number>()
      for (const { tag, data, fence } of told) {
        if (tag !== 'start') continue
        expect(fence).toBeGreaterThan(fences.get(data) ?? 0)
        fences.set(data, fence)
      }
    })

    it('a job that kills its workers is buried with the reason, and its neighbours are done', async () => {
      const { sluice, told, startWorker } = engine.open()
      const queue = sluice.queue<number | string>('jobs')
      await queue.addMany([1, 'poison', 2, 3])
      const keepOneWorker = () => {
        const child = startWorker()
        child.once('exit', (_, signal) => {
          if (signal === 'SIGKILL' && !finished) keepOneWorker()
        })
      }
      let finished = false
      keepOneWorker()
      await expect.poll(async () => (await queue.counts()).dead, PATIENT).toBe(1)
      await expect.poll(() => new Set(dataOf(told, 'end')).size, PATIENT).toBe(3)
      finished = true
      const [letter] = await queue.dead.list()
      expect(letter).toMatchObject({
        data: 'poison',
        attempts: 0,
        reason: expect.stringContaining('crashed 3 times'),
      })
    })
  })
}
