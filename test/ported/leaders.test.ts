// Behaviours of elections and latches that the tests of other projects name, and that no test beside the
// sources holds. Which project, and which test of it: see test/ported.md.
import { describe, expect, it } from 'vitest'
import { failureOf } from '../fault/connect.ts'
import { watched } from '../faults.ts'
import { lossOf, openRedis } from '../regression/ground.ts'
import { timed } from '../stopwatch.ts'
import { places } from './places.ts'

describe.each(places)('an election on $name', ({ open }) => {
  it('of candidates who resign and stand again all the time has one leader, and none in the end', async () => {
    const { sluice, other } = open()
    let leading = 0
    const fences: number[] = []
    await Promise.all(
      ['a', 'b', 'c'].map(async (value, index) => {
        const election = (index === 0 ? sluice : other).election('crown', { value })
        for (let round = 0; round < 15; round++) {
          const leadership = await election.campaign({ wait: '1m' })
          leading += 1
          expect(leading).toBe(1)
          fences.push(leadership.fence)
          await new Promise((resolve) => setImmediate(resolve))
          leading -= 1
          // The next campaign is under way before the resignation is answered.
          const resigned = leadership.resign()
          const next = election.campaign({ wait: '1m' })
          expect(await resigned).toBe('released')
          const again = await next
          leading += 1
          expect(leading).toBe(1)
          fences.push(again.fence)
          leading -= 1
          await again.resign()
        }
      }),
    )
    expect(fences).toHaveLength(90)
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    expect(await other.election('crown').leader()).toBe(null)
    const last = await sluice.election('crown').tryCampaign()
    expect(await last?.resign()).toBe('released')
  })

  it('that nobody ever stood for has no leader, and looking makes none', async () => {
    const { sluice, other } = open()
    expect(await sluice.election('crown').leader()).toBe(null)
    expect(await other.election('crown').leader()).toBe(null)
  })
})

describe('an election whose leader is cut off', () => {
  it('has no second leader before the first one knows that it is none', async () => {
    const { proxy, sluice, other } = await openRedis({ commandTimeout: 500 })
    const leader = await sluice.election('crown', { ttl: '1s' }).campaign()
    const lost = lossOf(leader)
    const candidate = other.election('crown', { ttl: '1s' }).campaign({ wait: '30s' })
    const led = candidate.then((leadership) => ({ leadership, atMs: performance.now() }))
    const { tookMs } = await timed(async () => {
      await proxy.fail('blackhole')
      await Promise.all([lost, led])
    })
    expect((await lost).atMs).toBeLessThan((await led).atMs)
    expect(tookMs).toBeLessThan(1_000 + 1_000)
    expect((await led).leadership.fence).toBeGreaterThan(leader.fence)
    await proxy.fail({ old: 'reset' })
    // It is back, and does not lead by that.
    expect((await other.election('crown').leader())?.owner).toBe((await led).leadership.owner)
    expect(() => leader.assertHeld()).toThrow()
    expect(await failureOf(leader.proclaim('still me'))).toMatchObject({
      code: 'SLUICE_LOCK_LOST',
    })
  })
})

describe.each(places)('a latch on $name', ({ open }) => {
  it('wakes those who wait when it opens, and by nothing else', async () => {
    const { sluice, other } = open()
    const latch = { count: 3 }
    const waiting = [sluice, other, other].map((one) =>
      watched(one.latch('a', latch).wait({ wait: '1m' })),
    )
    const isPending = () => waiting.map((one) => one.isPending)
    for (const id of ['1', '2', '1', '2']) {
      await other.latch('a', latch).countDown({ id })
      await sluice.latch('b', latch).countDown()
      await sluice.latch('a', latch).inspect()
      expect(isPending()).toEqual([true, true, true])
    }
    expect(await sluice.latch('a', latch).countDown({ id: '3' })).toBe(0)
    await expect.poll(isPending).toEqual([false, false, false])
    for (const one of waiting) expect(one).not.toHaveProperty('error')
  })
})
