import { Worker as Thread } from 'node:worker_threads'
import type { EngineAddress } from '../engine/open.ts'

/** What the thread has to know; all of it can be sent to one. */
export interface HeartbeatTerms {
  address: EngineAddress
  leaseMs: number
  /** How long the process may be silent before its lease is let go. */
  limitMs: number
}

/** The epoch that holds jobs of a queue, or of its partition, null where none does; sent with each answered call. */
export type Beat = { queue: string; epoch: string | null } | 'stop'

/** How long the thread may take to close its connection. */
const STOP_MS = 1_000

/**
 * A thread that renews the lease of a worker whose handlers block the event loop. It has a connection
 * of its own.
 */
export class Heartbeat {
  private readonly thread: Thread
  private readonly ended: Promise<void>
  /** Resolves when it can renew, or will not: no handler may block before. */
  readonly ready: Promise<void>

  /** `onFailure` is told when the thread ended early: the worker then lives by its own renewals. */
  constructor(terms: HeartbeatTerms, onFailure: (error: unknown) => void) {
    this.thread = new Thread(new URL('./heartbeat-thread.js', import.meta.url), {
      workerData: terms,
      name: 'sluice heartbeat',
    })
    this.ended = new Promise((resolve) => this.thread.once('exit', () => resolve()))
    const started = new Promise<void>((resolve) => this.thread.once('message', () => resolve()))
    this.ready = Promise.race([started, this.ended])
    this.thread.on('error', onFailure)
    this.thread.unref()
  }

  beat(queue: string, epoch: string | null): void {
    this.post({ queue, epoch })
  }

  async stop(): Promise<void> {
    this.thread.ref()
    this.post('stop')
    const late = setTimeout(() => void this.thread.terminate(), STOP_MS)
    await this.ended
    clearTimeout(late)
  }

  private post(beat: Beat): void {
    this.thread.postMessage(beat)
  }
}
