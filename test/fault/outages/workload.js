// @ts-check
// What programs do with Sluice, over and over again, before, during and after an outage.
import { nowMs } from './history.js'

/**
 * @typedef {import('../../../src/index.ts').Sluice} Sluice
 * @typedef {import('../../../src/index.ts').Lease} Lease
 * @typedef {import('./recorder.js').Recorder} Recorder
 * @typedef {{next: () => number, whole: (low: number, high: number) => number}} Chance
 *
 * @typedef {object} Stage
 * @property {Recorder} recorder
 * @property {Record<'a' | 'b' | 'idle', Sluice>} sluices `a` and `b` are busy, `idle` only waits
 * @property {Chance} chance
 * @property {import('../../../src/index.ts').Rule} rule
 * @property {(what: string) => void} achieved tells a success
 */

export const COMMAND_TIMEOUT_MS = 2_000
/** What the limiter of the workload admits. */
export const LIMIT = { limit: 20, perMs: 2_000 }
/** A delivery must survive the attempts that an outage takes from it. */
const QUEUE = { attempts: 99 }
const BRIEFLY = { allowedMs: COMMAND_TIMEOUT_MS }
const LEASE_TTL_MS = 2_000

const delay = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** @param {Stage} stage */
export function startWorkload(stage) {
  let isStopped = false
  let isQuiet = false
  /** @type {Promise<void>[]} */
  const lanes = []

  /** Repeats `step`, with short pauses, until all is stopped. @param {() => Promise<unknown>} step */
  function lane(step, pauseMs = 80) {
    const turn = async () => {
      while (!isStopped) {
        if (!isQuiet) await step()
        await delay(pauseMs / 2 + stage.chance.next() * pauseMs)
      }
    }
    lanes.push(turn())
  }

  const stopping = () => isStopped || isQuiet
  const idle = startIdle(stage, () => isStopped)
  startQueueLanes(stage, lane)
  startLockLanes(stage, lane, stopping)
  startLimitLanes(stage, lane)

  return {
    wakeIdle: idle.wake,
    /** No calls for a while. @param {boolean} quiet */
    beQuiet(quiet) {
      isQuiet = quiet
    },
    /** Begins no more calls. */
    stop() {
      isStopped = true
    },
    settled: () => Promise.all(lanes),
  }
}

/** @typedef {(step: () => Promise<unknown>, pauseMs?: number) => void} Lane */

/** @param {Stage} stage @param {Lane} lane */
function startQueueLanes({ recorder, sluices: { a, b }, chance, achieved }, lane) {
  let last = 0
  /** @param {import('../../../src/index.ts').Queue<string>} queue @param {number} count */
  async function add(queue, count) {
    const payloads = Array.from({ length: count }, () => `${queue.name}-${++last}`)
    const op = count === 1 ? 'queue.add' : 'queue.addMany'
    await recorder.call(
      { op, by: 'a', ...BRIEFLY, queue: queue.name, payloads },
      async () =>
        count === 1 ? [await queue.add(payloads[0] ?? '')] : await queue.addMany(payloads),
      (added) => ({ ids: added.map(({ id }) => id) }),
    )
  }
  const work = /** @type {import('../../../src/index.ts').Queue<string>} */ (a.queue('work', QUEUE))
  lane(() => add(work, 1))
  lane(() => add(work, 1))
  lane(() => add(work, 3))
  b.queue('work', QUEUE).work(
    async ({ data, id, fence }) => {
      deliver(recorder, 'work', { data, id, fence })
      achieved('job')
      await delay(chance.whole(0, 20))
    },
    { concurrency: 5, lease: '5s' },
  )

  const pulled = /** @type {import('../../../src/index.ts').Queue<string>} */ (
    a.queue('pulled', QUEUE)
  )
  lane(() => add(pulled, 1), 60)
  const puller = b.queue('pulled', QUEUE)
  const takeAndAck = async () => {
    const plan = { op: 'queue.take', by: 'b', allowedMs: 1_000 + COMMAND_TIMEOUT_MS }
    const deliveries = await recorder.call({ ...plan, queue: 'pulled' }, () =>
      puller.take({ max: 2, wait: '1s' }),
    )
    const acks = (deliveries ?? []).map(async (delivery) => {
      const { data, id, fence } = delivery
      deliver(recorder, 'pulled', { data, id, fence })
      await delay(chance.whole(0, 300))
      const about = { queue: 'pulled', payloads: [String(data)] }
      await recorder.call({ op: 'delivery.ack', by: 'b', ...BRIEFLY, ...about }, () =>
        delivery.ack(),
      )
    })
    await Promise.all(acks)
  }
  // So that an acknowledgement meets a call that is under way for somebody else.
  lane(takeAndAck)
  lane(takeAndAck)
  lane(() => recorder.call({ op: 'queue.counts', by: 'a', ...BRIEFLY }, () => work.counts()), 200)
}

/**
 * @param {Recorder} recorder
 * @param {string} queue
 * @param {{data: unknown, id: string, fence: number}} delivery
 */
function deliver(recorder, queue, { data, id, fence }) {
  recorder.append({
    line: 'delivery',
    ...{ queue, payload: String(data), id, fence, atMs: nowMs() },
  })
}

/** @param {Stage} stage @param {Lane} lane @param {() => boolean} stopping */
function startLockLanes({ recorder, sluices, chance, achieved }, lane, stopping) {
  let last = 0
  /** @param {'a' | 'b'} by @param {string} op @param {number} waitMs @param {() => Promise<Lease | null>} acquire */
  async function get(by, op, waitMs, acquire) {
    const askedMs = nowMs()
    const allowedMs = waitMs + COMMAND_TIMEOUT_MS
    const lease = await recorder.call({ op, by, allowedMs }, acquire)
    if (!lease) return undefined
    achieved('lock')
    return { lease, by, askedMs, gotMs: nowMs() }
  }

  /** @param {NonNullable<Awaited<ReturnType<typeof get>>>} held @param {number} holdMs */
  async function holdAndRelease({ lease, by, askedMs, gotMs }, holdMs) {
    let untilMs = Number.POSITIVE_INFINITY
    lease.signal.addEventListener('abort', () => {
      untilMs = Math.min(untilMs, nowMs())
    })
    const endMs = nowMs() + holdMs
    while (nowMs() < endMs && !lease.signal.aborted && !stopping()) await delay(20)
    untilMs = Math.min(untilMs, nowMs())
    const { name: lock, owner, fence } = lease
    recorder.append({ line: 'lease', lock, owner, fence, askedMs, gotMs, untilMs })
    await recorder.call({ op: 'lease.release', by, ...BRIEFLY }, () => lease.release())
  }

  const own = async () => {
    const lock = sluices.a.lock(`own-${++last % 50}`, { ttl: LEASE_TTL_MS })
    const held = await get('a', 'lock.acquire', 1_000, () => lock.acquire({ wait: '1s' }))
    await recorder.call({ op: 'lock.inspect', by: 'a', ...BRIEFLY }, () => lock.inspect())
    if (held === undefined) return
    await recorder.call({ op: 'lease.extend', by: 'a', ...BRIEFLY }, () => held.lease.extend('3s'))
    await holdAndRelease(held, 0)
  }
  lane(own)

  const runs = sluices.b.lock('run', { ttl: LEASE_TTL_MS })
  const runPlan = { op: 'lock.run', by: 'b', allowedMs: 1_000 + 5 + 2 * COMMAND_TIMEOUT_MS }
  lane(() => recorder.call(runPlan, () => runs.run(() => delay(5), { wait: '1s' })))

  for (const by of /** @type {const} */ (['a', 'b'])) {
    const contended = sluices[by].lock('contended', { ttl: LEASE_TTL_MS })
    lane(async () => {
      const acquire = () => contended.acquire({ wait: '3s' })
      const held = await get(by, 'lock.acquire', 3_000, acquire)
      if (held !== undefined) await holdAndRelease(held, chance.whole(5, 150))
    })
    // One holds for long, through the outage if its lease lasts; the other one tries again and again.
    const long = sluices[by].lock('held', { ttl: LEASE_TTL_MS })
    lane(async () => {
      const held = await get(by, 'lock.tryAcquire', 0, () => long.tryAcquire())
      if (held !== undefined) await holdAndRelease(held, by === 'a' ? 5_000 : 300)
    }, 100)
  }
}

/** @param {Stage} stage @param {Lane} lane */
function startLimitLanes({ recorder, sluices, rule, achieved }, lane) {
  for (const by of /** @type {const} */ (['a', 'b'])) {
    const limiter = sluices[by].limiter('limits', rule)
    lane(async () => {
      const about = { by, ...BRIEFLY, key: 'shared' }
      const taken = await recorder.call(
        { op: 'limiter.take', ...about },
        () => limiter.take('shared'),
        ({ allowed }) => ({ allowed }),
      )
      if (taken !== undefined) achieved('limit')
      await recorder.call({ op: 'limiter.peek', by, ...BRIEFLY }, () => limiter.peek('shared'))
    }, 60)
  }
}

/** Two consumers that get nothing before the outage is over. @param {Stage} stage @param {() => boolean} isStopped */
function startIdle({ recorder, sluices: { a, idle }, achieved }, isStopped) {
  const names = ['idle-worked', 'idle-taken']
  idle.queue('idle-worked', QUEUE).work(async ({ data, id, fence }) => {
    deliver(recorder, 'idle-worked', { data, id, fence })
    achieved('idle-worked')
  })
  const taken = idle.queue('idle-taken', QUEUE)
  async function take() {
    while (!isStopped()) {
      const deliveries = await taken.take({ wait: '5m' }).catch(() => [])
      for (const delivery of deliveries) {
        deliver(recorder, 'idle-taken', delivery)
        achieved('idle-taken')
        await delivery.ack().catch(() => {})
      }
      await delay(20)
    }
  }
  void take()
  return {
    /** One job for each, once the engine takes it. */
    async wake() {
      const adding = names.map(async (queue) => {
        let isAdded = false
        for (let attempt = 1; !isAdded && !isStopped(); attempt += 1) {
          const payload = `${queue}-${attempt}`
          const about = { by: 'a', ...BRIEFLY, queue, payloads: [payload] }
          const added = await recorder.call(
            { op: 'queue.add', ...about },
            () => a.queue(queue, QUEUE).add(payload),
            ({ id }) => ({ ids: [id] }),
          )
          isAdded = added !== undefined
          if (!isAdded) await delay(50)
        }
      })
      await Promise.all(adding)
    },
  }
}
