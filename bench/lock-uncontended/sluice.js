// @ts-check
import { createSluice } from '../../dist/index.js'
import { TTL_MS } from './work.js'

export const settings = 'defaults; tryAcquire, its lease renewed by itself'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  return {
    acquire: (name) => sluice.lock(name, { ttl: TTL_MS }).tryAcquire(),
    close: () => sluice.close(),
  }
}
