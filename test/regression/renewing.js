// @ts-check
// Holds one of everything and looks at none of it, while the other process breaks the engine. Whatever
// no caller gets ends a process of Node as it stands, and it is reported on the way.
import { createSluice, SluiceError } from 'sluice'

const [url = '', prefix] = process.argv.slice(2)
const quiet = { info() {}, warn() {}, error() {} }
const sluice = createSluice(url, {
  ...{ commandTimeout: '400ms', logger: quiet },
  ...(prefix ? { prefix } : {}),
})
process.on('uncaughtExceptionMonitor', (error, origin) => {
  process.send?.({ tag: 'crashed', origin, message: String(error) })
})

/**
 * On a busy machine the first calls may take longer than calls may take here.
 *
 * @template T
 * @param {() => Promise<T>} take
 */
async function patiently(take) {
  for (;;) {
    try {
      return await take()
    } catch (error) {
      if (!(error instanceof SluiceError && error.retryable)) throw error
    }
  }
}

const terms = /** @type {const} */ ({ ttl: '1200ms' })
const readWrite = sluice.readWriteLock('a', terms)
const holds = await Promise.all([
  patiently(() => sluice.lock('a', terms).acquire()),
  patiently(() => sluice.lock(['b', 'c'], terms).acquire()),
  patiently(() => sluice.semaphore('a', { permits: 3, ...terms }).acquire()),
  patiently(() => readWrite.read().acquire()),
  patiently(() => readWrite.upgradable().acquire()),
  patiently(() => sluice.election('a', terms).campaign()),
])
process.send?.({ tag: 'holds' })

const looking = setInterval(() => {
  if (holds.some(({ remainingMs }) => remainingMs > 0)) return
  clearInterval(looking)
  process.send?.({ tag: 'lost' })
}, 20)

process.once('message', async () => {
  await sluice.close()
  process.send?.({ tag: 'closed' })
  process.disconnect()
})
