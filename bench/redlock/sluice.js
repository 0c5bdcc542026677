// @ts-check
import { redlock } from '../../dist/redlock/index.js'
import { portsOf, TTL_MS } from './work.js'

export const settings =
  'tryAcquire, its lease renewed by itself; without a fence, but where the case says so'

/** @type {import('./work.js').Open} */
export async function open(ports, { fence = false } = {}) {
  const urls = portsOf(ports).map((port) => `redis://127.0.0.1:${port}`)
  const red = redlock(urls, { fence, longestTtl: TTL_MS })
  // Servers that began to run just now do not vote yet.
  const first = await red.lock('first', { ttl: TTL_MS }).acquire({ wait: '20s' })
  await first.release()
  return {
    acquire: (name) => red.lock(name, { ttl: TTL_MS }).tryAcquire(),
    close: () => red.close(),
  }
}
