// Runs in a thread of its own: see heartbeat.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { openAddress } from '../engine/open.ts'
import type { Beat, HeartbeatTerms } from './heartbeat.ts'
import { openQueueStore } from './open.ts'

const { address, leaseMs, limitMs } = workerData as HeartbeatTerms
const engine = openAddress(address)
const store = openQueueStore(engine)

/** The epoch that holds jobs, by queue. */
const epochs = new Map<string, string>()
let beatMs = performance.now()
let renewedMs = Number.NEGATIVE_INFINITY
let renewing = false

/** A process that lives renews at each quarter of a lease by itself. */
async function renewForTheSilent(): Promise<void> {
  const nowMs = performance.now()
  const silentMs = nowMs - beatMs
  const isDue = silentMs > leaseMs / 3 && nowMs - renewedMs > leaseMs / 4
  if (epochs.size === 0 || renewing || !isDue || silentMs > limitMs) return
  renewing = true
  // Without an answer the next look tries again, as long as the process is silent.
  await Promise.all([...epochs].map(([queue, epoch]) => renew(queue, epoch).catch(() => {})))
  renewing = false
}

async function renew(queue: string, epoch: string): Promise<void> {
  const isHeld = await store.renew(queue, epoch, leaseMs)
  if (!isHeld && epochs.get(queue) === epoch) epochs.delete(queue)
  renewedMs = performance.now()
}

/** Connects. Whether an engine is there to answer is for the process to find out. */
async function start(): Promise<void> {
  await store.renew('none', 'none', leaseMs).catch(() => {})
  parentPort?.postMessage('ready')
}

void start()
const timer = setInterval(() => void renewForTheSilent(), leaseMs / 8)

parentPort?.on('message', (beat: Beat) => {
  if (beat === 'stop') {
    clearInterval(timer)
    parentPort?.close()
    void engine.close()
    return
  }
  if (beat.epoch === null) epochs.delete(beat.queue)
  else epochs.set(beat.queue, beat.epoch)
  beatMs = performance.now()
})
