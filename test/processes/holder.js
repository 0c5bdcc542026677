// @ts-check
// Takes a lock, or waits for it, and says so; then does nothing until it is ended.
import { createSluice } from 'sluice'

const [url = '', prefix] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
const lock = sluice.lock('door', { ttl: '2s' })
process.send?.({ tag: 'asking' })
const lease = await lock.acquire({ wait: '1m' })
lease.signal.addEventListener('abort', () => process.send?.({ tag: 'lost' }))
process.send?.({ tag: 'holds', fence: lease.fence })
process.on('message', async () => {
  process.send?.({ tag: 'released', answer: await lease.release() })
})
process.once('disconnect', () => process.exit())
