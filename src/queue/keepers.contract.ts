import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { type Bench, type Consumer, HOUR_MS, MICROSECOND_MS, numbered } from './bench.contract.ts'
import { GATE, lotOf, unparked } from './lot.contract.ts'
import { KEEPER_MS, LONGEST_GATE } from './parking-store.ts'

/** As they travel, names of gates are at most so long. */
const HOSTILE_GATES = [
  ...HOSTILE_NAMES.map((name) => `lock:${name}`.slice(0, LONGEST_GATE)),
  ...HOSTILE_NAMES.filter((name) => name.length <= LONGEST_GATE),
  '限'.repeat(LONGEST_GATE),
]

/** The part of the suite of queues that is about who asks for what parked jobs wait for. */
export function keepersContract(bench: Bench): void {
  const { behind, fill, unpark, keep, told } = lotOf(bench)

  /** Claims one more job, and parks it for that consumer. */
  async function parkOne(payload: string, worker: Consumer, gate = GATE) {
    await bench.add([payload])
    return worker.park(behind(await worker.claim(1), gate))
  }

  const linesWith = async (text: string) =>
    (await bench.store.dump()).filter((line) => line.includes(text))

  describe('keepers of gates', () => {
    it('Q74 who parks behind a gate without a keeper becomes it, and others are told how long it is kept', async () => {
      const [one, other] = [bench.consumer(), bench.consumer(bench.second)]
      expect(await parkOne('a', one)).toEqual([{ tag: 'keeper' }])
      await bench.pass(1_000)
      expect(await parkOne('b', other)).toEqual([{ tag: 'kept', forMs: KEEPER_MS - 1_000 }])
      expect(await parkOne('c', other, 'another')).toEqual([{ tag: 'keeper' }])
      expect(await parkOne('d', one)).toEqual([{ tag: 'keeper' }])
      expect(await keep(one.epoch)).toMatchObject([{ tag: 'keeper', count: 3 }])
      await bench.pass(KEEPER_MS - MICROSECOND_MS)
      expect(await parkOne('e', other)).toEqual([{ tag: 'kept', forMs: MICROSECOND_MS }])
      await bench.pass(MICROSECOND_MS)
      expect(await parkOne('f', other)).toEqual([{ tag: 'keeper' }])
      expect(await keep(one.epoch)).toEqual([{ tag: 'kept', forMs: KEEPER_MS }])
    })

    it('Q74 one call may park behind many gates, each with its keeper', async () => {
      const [one, other] = [bench.consumer(), bench.consumer(bench.second)]
      await parkOne('a', one, 'gate 7')
      await bench.add(numbered(100))
      const jobs = await other.claim(100)
      const parks = jobs.flatMap((job, index) => behind([job], `gate ${index % 50}`))
      const answers = await other.park(parks)
      const kept = { tag: 'kept', forMs: KEEPER_MS }
      expect(answers).toEqual(jobs.map((_, index) => (index % 50 === 7 ? kept : { tag: 'keeper' })))
      const views = await keep(other.epoch, [...numbered(49).map((n) => `gate ${n}`), 'gate 0'])
      expect(views.map((view) => ('count' in view ? view.count : view))).toEqual(
        [...numbered(49), '0'].map((n) => (n === '7' ? kept : 2)),
      )
    })

    it('Q74 the keeper is told what is behind its gate, as the last one said and the first one asks', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b'])
      const [a, b] = await worker.claim(2)
      if (!a || !b) throw new Error('not all were claimed')
      await worker.park(behind([b], GATE, { terms: '{"b":"限"}', demand: 'of b' }))
      const view = { tag: 'keeper', terms: '{"b":"限"}', count: 1, demand: 'of b' }
      expect(await keep(worker.epoch)).toEqual([view])
      const demand = '!~"%{}:;,/\\|0123456789abcdefghij'
      await worker.park(behind([a], GATE, { demand }))
      expect(await keep(worker.epoch)).toEqual([{ ...view, terms: '{}', count: 2, demand }])
    })

    it('Q74 keepers are asked for several gates at once, and answered in their order', async () => {
      await fill(['a'], 'one')
      const mine = bench.consumer()
      await parkOne('b', mine, 'two')
      const answers = await keep(mine.epoch, ['nothing', 'two', 'one', 'two'])
      expect(answers.map(({ tag }) => tag)).toEqual(['empty', 'keeper', 'kept', 'keeper'])
    })

    it('Q74 a look comes when the time of the keeper is over, to one exchange that wants jobs', async () => {
      await fill(['a'])
      const [one, other] = [bench.consumer(), bench.consumer(bench.second)]
      expect(await one.say({ want: 1 })).toMatchObject({ nextDueMs: KEEPER_MS, more: false })
      await bench.pass(KEEPER_MS - MICROSECOND_MS)
      expect(await told(one)).toEqual([])
      await bench.pass(MICROSECOND_MS)
      expect((await one.say()).gates).toBeUndefined()
      const answers = await Promise.all([one, other].map((worker) => worker.say({ want: 1 })))
      expect(answers.flatMap(({ gates }) => gates ?? [])).toEqual([GATE])
      for (const { jobs } of answers) expect(jobs).toEqual([])
      expect((await one.say({ want: 1 })).nextDueMs).toBe(KEEPER_MS)
      await bench.pass(KEEPER_MS - MICROSECOND_MS)
      expect(await told(other)).toEqual([])
      await bench.pass(MICROSECOND_MS)
      expect(await told(other)).toEqual([GATE])
    })

    it('Q74 a keeper that says that it lives puts the look off', async () => {
      await fill(['a'], GATE, {}, bench.consumer())
      const other = bench.consumer(bench.second)
      expect(await keep('later')).toMatchObject([{ tag: 'kept' }])
      await bench.pass(KEEPER_MS)
      for (let beat = 0; beat < 5; beat++) {
        expect(await keep('later')).toMatchObject([{ tag: 'keeper' }])
        await bench.pass(KEEPER_MS / 2)
        expect(await told(other)).toEqual([])
      }
      await bench.pass(KEEPER_MS / 2)
      expect(await told(other)).toEqual([GATE])
    })

    it('Q74 who was told becomes the keeper, unless one lives; then the look waits for that one', async () => {
      const [old, other] = [bench.consumer(), bench.consumer(bench.second)]
      await parkOne('a', old)
      await bench.pass(KEEPER_MS)
      expect(await told(other)).toEqual([GATE])
      await bench.pass(1_000)
      expect(await keep(old.epoch)).toMatchObject([{ tag: 'keeper' }])
      await bench.pass(1_000)
      expect(await keep(other.epoch)).toEqual([{ tag: 'kept', forMs: KEEPER_MS - 1_000 }])
      await bench.pass(KEEPER_MS - 1_000)
      expect(await told(other)).toEqual([GATE])
      expect(await keep(other.epoch)).toMatchObject([{ tag: 'keeper' }])
      expect(await keep(old.epoch)).toEqual([{ tag: 'kept', forMs: KEEPER_MS }])
    })

    it('Q74 what is given up is told of at once, and has no keeper', async () => {
      const [old, other] = [bench.consumer(), bench.consumer(bench.second)]
      await parkOne('a', old)
      await parkOne('b', other, 'another')
      await bench.first.queue.yieldGates(bench.queue, old.epoch, [GATE, 'another', 'nothing'])
      expect((await other.say()).gates).toBeUndefined()
      expect(await told(other)).toEqual([GATE])
      expect(await told(other)).toEqual([])
      expect(await keep(old.epoch, ['another'])).toEqual([{ tag: 'kept', forMs: KEEPER_MS }])
      expect(await parkOne('c', other)).toEqual([{ tag: 'keeper' }])
      expect(await keep(old.epoch)).toEqual([{ tag: 'kept', forMs: KEEPER_MS }])
    })

    it('Q74 giving up wakes one who waits', async () => {
      const old = bench.consumer()
      await parkOne('a', old)
      await bench.consumer(bench.second).say({ want: 1 })
      let wake = () => {}
      const woken = new Promise<void>((resolve) => (wake = resolve))
      const stop = bench.second.queue.onWake(bench.queue, wake)
      await bench.first.queue.yieldGates(bench.queue, old.epoch, [GATE])
      await woken
      stop()
    })

    it('Q74 a claim of jobs is told as well, and gets them', async () => {
      await fill(['a'])
      await bench.add(['b'], { delayMs: KEEPER_MS })
      await bench.add(['c'])
      await bench.pass(KEEPER_MS)
      const worker = bench.consumer(bench.second)
      const payloads: string[] = []
      const gates: string[] = []
      for (let call = 0; call < 4; call++) {
        const answer = await worker.say({ want: 5 })
        payloads.push(...answer.jobs.map(({ payload }) => payload))
        gates.push(...(answer.gates ?? []))
      }
      expect(gates).toEqual([GATE])
      expect(payloads.sort()).toEqual(['b', 'c'])
    })

    it('Q22 Q74 of a paused queue nobody is told, and then at once', async () => {
      await fill(['a'])
      await bench.pass(KEEPER_MS)
      await bench.first.queue.pause(bench.queue)
      const worker = bench.consumer(bench.second)
      expect(await worker.say({ want: 1 })).toMatchObject({ nextDueMs: null, more: false })
      expect(await told(worker)).toEqual([])
      await bench.second.queue.resume(bench.queue)
      expect(await told(worker)).toEqual([GATE])
    })

    it('Q3 Q74 a look that nobody can take keeps no busy consumer calling, and holds up no timed job', async () => {
      await fill(['a'])
      await bench.add(['b'], { delayMs: KEEPER_MS + 1 })
      await bench.pass(KEEPER_MS)
      const busy = bench.consumer(bench.second)
      expect((await busy.say()).nextDueMs).toBe(1)
      await bench.pass(1)
      for (let call = 0; call < 2; call++) await busy.say()
      expect((await busy.say()).nextDueMs).toBeNull()
      expect(await bench.counts()).toMatchObject({ ready: 1, timed: 0, parked: 1 })
      expect(await told(bench.consumer())).toEqual([GATE])
    })

    it('Q74 a clock that stepped back makes no look lost', async () => {
      await fill(['a'])
      bench.store.clock.stepWall(-HOUR_MS)
      const worker = bench.consumer(bench.second)
      await bench.pass(HOUR_MS + KEEPER_MS)
      expect(await told(worker)).toEqual([GATE])
    })

    it('Q74 two hundred gates are each told of once', async () => {
      const gates = numbered(200).map((n) => `lock:${n}`)
      const worker = bench.consumer()
      await bench.add(gates)
      const jobs = await worker.claim(200)
      const parks = jobs.flatMap((job) => behind([job], job.payload))
      for (const from of [0, 100]) await worker.park(parks.slice(from, from + 100))
      await bench.pass(KEEPER_MS)
      const other = bench.consumer(bench.second)
      const found = await told(other)
      expect([...found].sort()).toEqual([...gates].sort())
      expect(await told(other)).toEqual([])
      for (const from of [0, 100]) {
        const answers = await keep(other.epoch, found.slice(from, from + 100))
        expect(new Set(answers.map(({ tag }) => tag))).toEqual(new Set(['keeper']))
      }
      const out: (string | undefined)[] = []
      for (const from of [0, 100]) {
        const part = gates.slice(from, from + 100)
        out.push(...(await unpark(other, part)).map((job) => job?.payload))
      }
      expect(out).toEqual(gates)
    })

    it('Q70 Q75 gates of hostile names are kept apart, and leave nothing', async () => {
      const gates = [...new Set(HOSTILE_GATES)]
      const worker = bench.consumer()
      await bench.add(gates)
      const jobs = await worker.claim(gates.length)
      await worker.park(jobs.flatMap((job) => behind([job], job.payload)))
      for (const job of jobs) {
        const { parkedBefore } = bench.second.queue
        expect(await parkedBefore(bench.queue, job.payload, job.id)).toBe(0)
      }
      await bench.pass(KEEPER_MS)
      const other = bench.consumer(bench.second)
      expect((await told(other)).sort()).toEqual([...gates].sort())
      const views = await keep(other.epoch, gates)
      expect(views.map((view) => 'count' in view && view.count)).toEqual(gates.map(() => 1))
      expect((await unpark(other, gates)).map((job) => job?.payload)).toEqual(gates)
      await other.say({ acks: jobs })
      expect(new Set((await keep(other.epoch, gates)).map(({ tag }) => tag))).toEqual(
        new Set(['empty']),
      )
      await bench.second.queue.obliterate(bench.queue, { epoch: '', force: false, limit: 100 })
      expect(await linesWith('terms')).toEqual([])
    })

    it('Q75 what is behind nothing is forgotten by who keeps it', async () => {
      await fill(['a'], 'zebra', {}, bench.consumer())
      const worker = bench.consumer()
      const { rests } = unparked(await worker.unpark(['zebra']))
      expect(rests).toEqual([null])
      expect(await keep('anyone', ['zebra'])).toEqual([{ tag: 'empty' }])
      expect(await linesWith('zebra')).toEqual([])
      expect((await worker.say({ want: 1 })).nextDueMs).toBeNull()
    })

    it.each(['is over', 'was given up'])(
      'Q75 nothing is left of a gate once its look %s',
      async (how) => {
        const old = bench.consumer()
        await parkOne('a', old, 'zebra')
        const worker = bench.consumer(bench.second)
        await worker.say({ acks: (await unpark(worker, ['zebra'])).flatMap((job) => job ?? []) })
        if (how === 'is over') await bench.pass(KEEPER_MS)
        else await bench.first.queue.yieldGates(bench.queue, old.epoch, ['zebra'])
        // It may be told of once more, or be gone by now.
        for (const gate of await told(worker)) {
          expect(await keep(worker.epoch, [gate])).toEqual([{ tag: 'empty' }])
        }
        expect(await linesWith('zebra')).toEqual([])
        await bench.pass(KEEPER_MS)
        expect(await worker.say({ want: 1 })).toMatchObject({ nextDueMs: null, more: false })
      },
    )

    it('Q75 a gate behind which jobs are again is not forgotten', async () => {
      const worker = bench.consumer()
      await parkOne('a', worker)
      const [job] = await unpark(worker)
      await worker.park(behind(job ? [job] : []))
      expect(await keep(worker.epoch)).toMatchObject([{ tag: 'keeper', count: 1 }])
      await bench.pass(KEEPER_MS)
      expect(await told(bench.consumer())).toEqual([GATE])
    })

    it('Q75 asking for what nobody parked behind creates nothing', async () => {
      expect(await keep('me', ['nothing'])).toEqual([{ tag: 'empty' }])
      await bench.first.queue.yieldGates(bench.queue, 'me', ['nothing'])
      expect(await bench.store.dump()).toEqual([])
    })
  })
}
