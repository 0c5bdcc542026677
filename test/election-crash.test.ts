// Leaders as real processes, ended by kill -9, on both engines.
import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openLockStore } from '../src/lock/open.ts'
import { createSluice, insideOf } from '../src/sluice.ts'
import { cleanUpAfterEach, cleanUps, crashPlaces, PATIENT } from './crash-places.ts'

cleanUpAfterEach()

describe.each(crashPlaces)('on $name', { timeout: 60_000 }, ({ open }) => {
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
