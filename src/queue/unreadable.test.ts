// A job that something else than sluice wrote must not cost those beside it.
import { expect, it, onTestFinished } from 'vitest'
import { EngineUnavailableError } from '../errors.ts'
import { createSluice, insideOf } from '../sluice.ts'
import { faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import { createQueues } from './queue.ts'

it('a payload that is not JSON is buried, and the others of its batch are delivered', async () => {
  await using sluice = createSluice('memory:')
  const queue = sluice.queue<string>('q')
  const [, second] = await queue.addMany(['a', 'b', 'c'])
  const { engine } = insideOf(sluice)
  if (engine.kind !== 'sqlite') throw new Error('memory is SQLite')
  await engine.write((transaction) =>
    transaction.run(`UPDATE job SET payload = '{' WHERE id = ?`, Number(second?.id)),
  )
  const deliveries = await queue.take({ max: 10, wait: '5s' })
  expect(deliveries.map(({ data }) => data)).toEqual(['a', 'c'])
  for (const delivery of deliveries) await delivery.ack()
  await expect.poll(() => queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 1 })
  expect(await queue.dead.list()).toMatchObject([
    { id: second?.id, data: undefined, reason: expect.stringContaining('not JSON') },
  ])
})

it.each([{ id: 'a' }, { key: 'a' }])(
  'jobs with %o wait for an engine that refuses their worker',
  async (options) => {
    const { clock, sluice } = createTestSluice()
    onTestFinished(() => sluice.close())
    const outcome = 'not-applied'
    // A password that is changed, for example.
    const refuseWith = new EngineUnavailableError('Who are you?', { outcome, retryable: false })
    const store = faulty(openQueueStore(insideOf(sluice).engine), ({ method, count }) =>
      /^open/.test(method) && count < 3 ? { refuseWith } : undefined,
    )
    const queue = createQueues(store, clock, 'here:1:a', 2_000).queue<string>('q')
    await queue.add('data', options)
    const ran: string[] = []
    queue.work(({ data }) => void ran.push(data))
    await clock.advance('10s')
    expect(await queue.dead.list()).toEqual([])
    expect(ran).toEqual(['data'])
  },
)
