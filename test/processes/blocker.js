// @ts-check
// A worker as a process of its own whose handler blocks the event loop for a time.
import { createSluice } from 'sluice'

const [url = '', prefix, lease = '', blockMs = '', limit] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
/** @param {unknown} message */
const tell = (message) => process.send?.(message)
const duration = (/** @type {string} */ text) => /** @type {any} */ (text)

sluice.queue('jobs').work(
  ({ data }) => {
    tell({ tag: 'start', data })
    const endMs = performance.now() + Number(blockMs)
    while (performance.now() < endMs);
    tell({ tag: 'end', data })
  },
  {
    lease: duration(lease),
    ...(limit ? { heartbeat: 'thread', heartbeatLimit: duration(limit) } : {}),
  },
)
process.once('message', () => sluice.close().then(() => process.disconnect()))
process.once('disconnect', () => setTimeout(() => process.exit(1), 5_000).unref())
tell({ tag: 'ready' })
