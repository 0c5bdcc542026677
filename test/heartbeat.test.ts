// Real processes whose handlers block the event loop for longer than their lease.
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { createSluice } from '../src/sluice.ts'

const LEASE_MS = 1_500
const BLOCK_MS = 3 * LEASE_MS
/** A process has to start, and to block, on a machine that has other work too. */
const PATIENT = { timeout: 30_000, interval: 20 }
const EMPTY = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const engines = {
  'sqlite file': () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-heartbeat-'))
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
    return { url: `sqlite:${path.join(folder, 'sluice.db')}`, prefix: '' }
  },
  redis: () => ({ url: inject('redisUrl'), prefix: `heartbeat-${randomUUID()}` }),
}

/**
 * A process blocks in its handler while a worker of this one is idle. What that one got meanwhile,
 * and what is left when both are done.
 */
async function block(open: () => { url: string; prefix: string }, limit: string) {
  const { url, prefix } = open()
  const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
  cleanUps.push(() => sluice.close())
  const queue = sluice.queue<string>('jobs', { attempts: 1 })
  await queue.add('a')
  const file = path.join(import.meta.dirname, 'processes', 'blocker.js')
  const child = fork(file, [url, prefix, `${LEASE_MS}ms`, `${BLOCK_MS}`, limit])
  cleanUps.push(() => child.kill('SIGKILL'))
  const told: string[] = []
  child.on('message', ({ tag }: { tag: string }) => told.push(tag))
  await expect.poll(() => told, PATIENT).toContain('start')
  const elsewhere: string[] = []
  queue.work(({ data }) => void elsewhere.push(data), { lease: LEASE_MS })
  await expect.poll(() => told, PATIENT).toContain('end')
  await expect.poll(() => queue.counts(), PATIENT).toEqual(EMPTY)
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.send('close')
  return { elsewhere, exitCode: await exited }
}

describe.for(Object.entries(engines))('%s', { timeout: 60_000 }, ([, open]) => {
  it('a thread keeps the lease of a process that blocks, which then ends by itself', async () => {
    expect(await block(open, '1m')).toEqual({ elsewhere: [], exitCode: 0 })
  })

  it('for no longer than its limit: then the jobs go to others', async () => {
    expect(await block(open, `${LEASE_MS}ms`)).toMatchObject({ elsewhere: ['a'] })
  })
})
