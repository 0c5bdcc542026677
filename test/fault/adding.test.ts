// Many who add at once, so that two batches of theirs are under way, while connections or writes break.
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { JobPage, Queue } from '../../src/index.ts'
import { closing, connect } from './connect.ts'
import { type Outage, outages, startProxy } from './proxy.js'
import { startServer } from './servers.js'

const ADDERS = 200
const ROUNDS = 8
const HEALTHY_MS = 60
const BROKEN_MS = 40
const REFUSALS = 60
const TIMEOUT_MS = 60_000

/** Adds numbers while `trouble` is made. Answers what each call was told, and the numbers that are in line. */
async function addDuring(
  queue: Queue<number>,
  trouble: (untilAdded: () => Promise<void>) => Promise<void>,
) {
  const told: string[] = []
  let addedCount = 0
  let isOver = false
  /** However slow the machine is. */
  const untilAdded = async () => {
    const before = addedCount
    while (addedCount === before) await pause(1)
  }
  const adder = async () => {
    while (!isOver) {
      const call = told.push('under way') - 1
      told[call] = await queue.add(call).then(
        () => {
          addedCount++
          return 'added'
        },
        ({ code, outcome }) => (code === 'SLUICE_ENGINE_UNAVAILABLE' ? outcome : code),
      )
    }
  }
  const adders = Array.from({ length: ADDERS }, adder)
  await trouble(untilAdded)
  isOver = true
  await Promise.all(adders)
  const inLine: number[] = []
  let cursor: string | null = null
  do {
    const page: JobPage<number> = await queue.list({ state: 'ready', limit: 1_000, cursor })
    inLine.push(...page.jobs.map(({ data }) => data))
    cursor = page.cursor
  } while (cursor !== null)
  return { told, inLine }
}

/** In the order of the calls, each once, and as they were told. */
function expectTruth({ told, inLine }: Awaited<ReturnType<typeof addDuring>>): void {
  expect(inLine).toEqual([...new Set(inLine)].sort((a, b) => a - b))
  const found = new Set(inLine)
  const allowed = (call: number) =>
    found.has(call) ? ['added', 'unknown'] : ['not-applied', 'unknown']
  const lies = told.flatMap((what, call) =>
    allowed(call).includes(what) ? [] : [`${call}: ${what}`],
  )
  expect(lies).toEqual([])
  expect(inLine.length).toBeGreaterThan(ROUNDS)
}

const BREAKS: [string, Outage][] = [
  ['replies are lost', outages.resetsBeforeReply],
  ['connections are reset', outages.reset],
  ['requests vanish', outages.deaf],
  ['replies vanish', outages.mute],
  ['connections stand still', outages.frozen],
]

it.each(BREAKS)(
  'what many add is in line once, in the order of their calls: %s',
  {
    timeout: TIMEOUT_MS,
  },
  async (_, outage) => {
    const server = closing(await startServer())
    const proxy = closing(await startProxy({ to: server }))
    const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`, { commandTimeout: '600ms' })
    const added = await addDuring(sluice.queue<number>('q'), async (untilAdded) => {
      for (let round = 0; round < ROUNDS; round++) {
        await untilAdded()
        await pause(HEALTHY_MS)
        await proxy.fail(outage)
        await pause(BROKEN_MS)
        await proxy.pass()
      }
    })
    expectTruth(added)
  },
)

it('what many add is in line in the order of their calls where the server refuses writes now and then', {
  timeout: TIMEOUT_MS,
}, async () => {
  const server = closing(await startServer())
  const { sluice } = connect(server.url)
  const needed = (replicas: number) =>
    server.command('CONFIG', 'SET', 'min-replicas-to-write', replicas)
  const added = await addDuring(sluice.queue<number>('q'), async () => {
    for (let refusal = 0; refusal < REFUSALS; refusal++) {
      await needed(1)
      await needed(0)
      // A batch that was refused is sent again by then, another one may have passed meanwhile.
      await pause(refusal % 10)
    }
  })
  expectTruth(added)
  expect(new Set(added.told)).toEqual(new Set(['added']))
})
