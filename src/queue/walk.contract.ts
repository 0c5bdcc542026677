import { expect } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import { type Bench, type Consumer, LEASE_MS } from './bench.contract.ts'
import type { ExchangeAnswer, StoredJob } from './store.ts'

/** A consumer and what it believes to hold. */
interface Player {
  consumer: Consumer
  held: StoredJob[]
}

/**
 * Consumers and a producer do whatever comes to mind, in an order that the seed decides. Every job
 * is in one place at any time, is never held by two that are both alive, and is done in the end.
 */
export async function walk(bench: Bench, seed: number, steps: number): Promise<void> {
  const random = seededNumbers(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const newPlayer = (): Player => ({
    consumer: bench.consumer(pick([bench.first, bench.second])),
    held: [],
  })
  const players = [newPlayer(), newPlayer(), newPlayer()]
  const open = new Set<string>()
  let fence = 0

  function settle(player: Player, answer: ExchangeAnswer, settled: StoredJob[], isAck: boolean) {
    if (answer.tag === 'lost') {
      players[players.indexOf(player)] = newPlayer()
      return
    }
    if (answer.jobs.length > 0) {
      expect(answer.fence).toBeGreaterThan(fence)
      fence = answer.fence
    }
    const stale = new Set(answer.staleIds)
    if (isAck) for (const { id } of settled) if (!stale.has(id)) open.delete(id)
    player.held = [...player.held.filter((job) => !settled.includes(job)), ...answer.jobs]
    for (const job of answer.jobs) expect(open.has(job.id), `${job.id} was done`).toBe(true)
  }

  const acts: ((player: Player) => Promise<void>)[] = [
    async () => {
      const how = { delayMs: pick([0, 0, 500, 5_000]), maxAttempts: 100 }
      const ids = await bench.add(['x', 'y'], how, pick([bench.first, bench.second]))
      for (const id of ids) open.add(id)
    },
    async (player) => {
      const answer = await player.consumer.exchange({ want: pick([0, 1, 3]), maxCrashes: 9 })
      settle(player, answer, [], false)
    },
    async (player) => {
      const acks = player.held.slice(0, pick([1, 2]))
      const answer = await player.consumer.exchange({ acks, want: 1, maxCrashes: 9 })
      settle(player, answer, acks, true)
    },
    async (player) => {
      const some = player.held.slice(0, 1)
      const how = pick([
        { delayMs: 700, failed: true },
        { delayMs: 0, failed: false },
      ])
      const retries = some.map((job) => ({ job, ...how }))
      const answer = await player.consumer.exchange({ retries, maxCrashes: 9 })
      settle(player, answer, some, false)
    },
    async (player) => {
      // It dies, and nobody is told.
      if (random() < 0.3) players[players.indexOf(player)] = newPlayer()
    },
    () => bench.pass(pick([10, 500, LEASE_MS / 4, LEASE_MS / 4, LEASE_MS])),
  ]

  for (let step = 0; step < steps; step++) {
    await pick(acts)(pick(players))
    const { ready, timed, inFlight, dead } = await bench.counts()
    expect(dead).toBe(0)
    expect(ready + timed + inFlight, `after step ${step}`).toBe(open.size)
  }
  await drain(bench, open)
}

/** What is left, of whoever is gone, comes to the one who goes on asking. */
async function drain(bench: Bench, open: Set<string>): Promise<void> {
  const last = bench.consumer()
  for (let call = 0; call < 400 && open.size > 0; call++) {
    await bench.pass(LEASE_MS / 4)
    const { jobs } = await last.say({ want: 50, maxCrashes: 9 })
    const { staleIds } = await last.say({ acks: jobs, maxCrashes: 9 })
    expect(staleIds).toEqual([])
    for (const { id } of jobs) open.delete(id)
  }
  expect(open.size).toBe(0)
}
