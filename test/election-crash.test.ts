// Leaders as real processes, ended by kill -9, on both engines.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { openLockStore } from '../src/lock/open.ts'
import { createSluice, insideOf } from '../src/sluice.ts'

/** Starting a process takes seconds on a machine that has other work. */
const PATIENT = { timeout: 30_000, interval: 5 }
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const engines: { name: string; open(): { url: string; prefix?: string } }[] = [
  {
    name: 'sqlite file',
    open() {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-election-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      return { url: `sqlite:${path.join(folder, 'sluice.db')}` }
    },
  },
  { name: 'redis', open: () => ({ url: inject('redisUrl'), prefix: `crash-${randomUUID()}` }) },
]

describe.each(engines)('on $name', { timeout: 60_000 }, ({ open }) => {
  it('the next candidate leads when the leader is killed, and who observes sees it', async () => {
    const { url, prefix } = open()
    const patient = { commandTimeout: '10s' } as const
    const connect = () => {
      const made = createSluice(url, prefix === undefined ? patient : { prefix, ...patient })
      cleanUps.push(() => made.close())
      return made
    }
    const sluice = connect()
    const line = openLockStore(insideOf(connect()).engine, 'election')
    const leads: { value: string; fence: number }[] = []

    function start(value: string): ChildProcess {
      const file = path.join(import.meta.dirname, 'processes', 'leader.js')
      const child = fork(file, [url, prefix ?? '', value])
      child.on('message', (message) => leads.push(message as (typeof leads)[number]))
      cleanUps.push(() => child.kill('SIGKILL'))
      return child
    }

    const seen: (string | null)[] = []
    const observing = (async () => {
      for await (const leader of sluice.election('crown').observe()) {
        seen.push(leader?.value ?? null)
      }
    })()
    const latest = () => seen.at(-1)
    const names = () => leads.map(({ value }) => value)
    const first = start('first')
    await expect.poll(latest, PATIENT).toBe('first')
    const second = start('second')
    const view = async () => (await sluice.election('crown').leader())?.value
    await expect.poll(names, PATIENT).toEqual(['first'])
    await expect.poll(async () => (await line.inspect('crown')).waiters.length, PATIENT).toBe(1)
    expect([latest(), await view()]).toEqual(['first', 'first'])

    first.kill('SIGKILL')
    await expect.poll(latest, PATIENT).toBe('second')
    await expect.poll(names, PATIENT).toEqual(['first', 'second'])
    expect(leads[1]?.fence).toBeGreaterThan(leads[0]?.fence ?? 0)
    second.kill('SIGKILL')
    await expect.poll(latest, PATIENT).toBe(null)
    expect(await view()).toBe(undefined)

    await sluice.close()
    await observing
    expect(seen.filter((value) => value !== null)).toEqual(['first', 'second'])
  })
})
