// @ts-check
import Bottleneck from 'bottleneck'
import { Redis } from 'ioredis'
import { always } from '../kit/limiter.js'
import { RULE } from './work.js'

export const packageName = 'bottleneck'
export const settings =
  'Group, a reservoir refilled each hour, highWater 0; a job scheduler, so each take runs a job'

/** The job. */
const done = async () => true

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE) {
  const group = new Bottleneck.Group({
    id: 'bench',
    datastore: 'ioredis',
    Redis,
    clientOptions: { host: '127.0.0.1', port },
    reservoir: units,
    reservoirRefreshAmount: units,
    reservoirRefreshInterval: seconds * 1_000,
    highWater: 0,
    strategy: Bottleneck.strategy.OVERFLOW,
  })
  return {
    take: (key) => group.key(key).schedule(done),
    isAllowed: always,
    isRefusal: (error) => error instanceof Bottleneck.BottleneckError,
    async close() {
      // Else the heartbeats of its limiters, one timer each, go on beside what is measured next.
      for (const { limiter } of group.limiters()) await limiter.disconnect(false)
      await group.disconnect(false)
    },
  }
}
