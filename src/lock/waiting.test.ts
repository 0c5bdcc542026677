import { expect, it } from 'vitest'
import { insideOf } from '../sluice.ts'
import { faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { createLocks } from './lock.ts'
import { openLockStore } from './open.ts'

it('a grant that overtakes the answer to the call that joined the line is not lost', async () => {
  const { sluice, clock } = createTestSluice()
  const { engine } = insideOf(sluice)
  let answer: () => void = () => {}
  const late = new Promise<void>((resolve) => {
    answer = resolve
  })
  const store = faulty(openLockStore(engine), ({ method, count }) =>
    method === 'acquire' && count === 1 ? { replyAfter: late } : undefined,
  )
  const holder = await sluice.lock('it').acquire()
  const waiting = createLocks(store, clock, engine.clientId.concat('x')).lock('it').acquire()
  await clock.advance(0)
  await holder.release()
  await clock.advance(0)
  answer()
  // The clock stands still: no heartbeat comes to the rescue.
  const lease = await waiting
  expect(lease.fence).toBeGreaterThan(holder.fence)
  await lease.release()
  await sluice.close()
})
