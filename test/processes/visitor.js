// @ts-check
// A program that uses a bit of everything, and ends when it has nothing more to do.
import { createSluice, funnel } from 'sluice'

const [url = '', prefix, ...what] = process.argv.slice(2)
const sluice = createSluice(url, {
  logger: console,
  commandTimeout: '10s',
  ...(prefix ? { prefix } : {}),
})

if (what.includes('use')) {
  const lock = sluice.lock('visit')
  await lock.run(async () => {
    // Someone who waits needs messages, and a worker that sleeps needs wake-ups.
    const waiting = lock.acquire({ wait: '50ms' })
    await waiting.catch((error) => console.log(error.code))
  })
  const queue = sluice.queue('visits')
  const done = new Promise((resolve) => queue.work(resolve))
  await queue.add('job', { delay: 20 })
  await done
  const verdict = await sluice
    .limiter('visits', funnel({ capacity: 5, leak: 5, per: '1s' }))
    .take('k')
  console.log(`allowed ${verdict.allowed}`)
}
if (what.includes('work')) {
  // Workers and loops with something to do, and something to wait for.
  const busy = sluice.queue('busy')
  const begun = new Promise((resolve) => {
    const neverEnds = (/** @type {unknown} */ job) => new Promise(() => resolve(job))
    busy.work(neverEnds, { concurrency: 1 })
  })
  await busy.add('never ends')
  await begun
  await busy.addMany(['waits', 'waits too'])
  busy.work(() => {}, { batch: 5, batchWait: '1m' })
  const pulled = sluice.queue('pulled')
  void pulled.take({ wait: '1m' })
  const deliveries = pulled.deliveries({ max: 2 })
  void deliveries.next()
  await pulled.add('later', { delay: '1h' })
  if (url.startsWith('redis:') || url.startsWith('sqlite:')) {
    busy.work(() => {}, { heartbeat: 'thread' })
  }
  await sluice.close({ timeout: 50 })
}
if (what.includes('hold')) await sluice.lock('held').acquire()
if (what.includes('close')) await sluice.close()
console.log('end')
