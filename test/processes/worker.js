// @ts-check
// A worker as a process of its own: tells its parent what it starts and ends.
import { createSluice } from 'sluice'

const [url = '', prefix, lease = '1s'] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
/** @param {unknown} message */
const tell = (message) => process.send?.(message)

sluice.queue('jobs').work(
  async (job) => {
    tell({ tag: 'start', data: job.data, attempt: job.attempt, fence: job.fence })
    // A payload of its own accord ends the process, or takes its time.
    if (job.data === 'poison') process.kill(process.pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 50))
    tell({ tag: 'end', data: job.data })
  },
  { concurrency: 4, lease: /** @type {any} */ (lease) },
)
process.once('disconnect', () => process.exit())
tell({ tag: 'ready' })
