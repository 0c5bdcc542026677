// A job that something else than sluice wrote must not cost those beside it.
import { expect, it } from 'vitest'
import { createSluice, insideOf } from '../sluice.ts'

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
