// @ts-check
// Takes permits of a semaphore, or waits for them, and says so; then does nothing until it is ended.
import { createSluice } from 'sluice'

const [url = '', prefix = '', weight = '1'] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
const semaphore = sluice.semaphore('room', { permits: 3, ttl: '4s' })
process.send?.({ tag: 'asking' })
const permit = await semaphore.acquire({ weight: Number(weight), wait: '1m' })
permit.signal.addEventListener('abort', () => process.send?.({ tag: 'lost' }))
process.send?.({ tag: 'holds' })
process.on('message', async () => {
  process.send?.({ tag: 'released', answer: await permit.release() })
})
process.once('disconnect', () => process.exit())
