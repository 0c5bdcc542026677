// Many who add at once while connections break: two batches of theirs are under way.
import { expect, it } from 'vitest'
import type { JobPage } from '../../src/index.ts'
import { closing, connect } from './connect.ts'
import { type Outage, outages, startProxy } from './proxy.js'
import { startServer } from './servers.js'

const ADDERS = 200
const ROUNDS = 8
const HEALTHY_MS = 60
const BROKEN_MS = 40
const TIMEOUT_MS = 60_000

/** What breaks a connection with both batches on it, before or behind the server. */
const BREAKS: [string, Outage][] = [
  ['replies are lost', outages.resetsBeforeReply],
  ['connections are reset', outages.reset],
  ['requests vanish', outages.deaf],
  ['replies vanish', outages.mute],
  ['connections stand still', outages.frozen],
]

it.each(BREAKS)(
  'what they add is in line once, in the order of their calls: %s',
  {
    timeout: TIMEOUT_MS,
  },
  async (_, outage) => {
    const server = closing(await startServer())
    const proxy = closing(await startProxy({ to: server }))
    const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`, { commandTimeout: '600ms' })
    const queue = sluice.queue<number>('q')
    await queue.add(0)
    const outcomes: string[] = ['added']
    let isOver = false
    const adder = async () => {
      while (!isOver) {
        const call = outcomes.push('under way') - 1
        outcomes[call] = await queue.add(call).then(
          () => 'added',
          (error: { outcome: string }) => error.outcome,
        )
      }
    }
    const adders = Array.from({ length: ADDERS }, adder)
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setTimeout(resolve, HEALTHY_MS))
      await proxy.fail(outage)
      await new Promise((resolve) => setTimeout(resolve, BROKEN_MS))
      await proxy.pass()
    }
    isOver = true
    await Promise.all(adders)

    const there: number[] = []
  let cursor: string | null = null
  do {
    const page: JobPage<number> = await queue.list({ state: 'ready', limit: 1_000, cursor })
    there.push(...page.jobs.map(({ data }) => data))
    cursor = page.cursor
  } while (cursor !== null)
  expect(there).toEqual([...new Set(there)].sort((a, b) => a - b))
    const found = new Set(there)
    const wrong = outcomes.flatMap((outcome, call) =>
      (outcome === 'added' && !found.has(call)) || (outcome === 'not-applied' && found.has(call))
        ? [`${call}: ${outcome}`]
        : [],
    )
    expect(wrong).toEqual([])
    expect(there.length).toBeGreaterThan(ADDERS)
  },
)
