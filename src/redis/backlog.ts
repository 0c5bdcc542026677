import { type Clock, sleep } from '../clock.ts'
import type { RedisNode } from './client.ts'
import { readInfo } from './info.ts'

/** Objects that a server may have still to free: more would only use up its memory. */
const MOST_PENDING = 100
const LOOK_EVERY_MS = 250
const LOOK_AGAIN_MS = 50

/**
 * What servers have detached and not freed yet: `UNLINK` answers before a background thread has
 * done the work. Nothing is known where `INFO` is not allowed, and nobody waits.
 */
export class Backlog {
  private readonly nodes: readonly RedisNode[]
  private readonly clock: Clock
  private lookAtMs = Number.NEGATIVE_INFINITY

  constructor(nodes: readonly RedisNode[], clock: Clock) {
    this.nodes = nodes
    this.clock = clock
  }

  /** Waits while there is too much of it. Rejects with the signal's reason. */
  async settle(signal: AbortSignal | undefined): Promise<void> {
    if (this.clock.monotonicMs() < this.lookAtMs) return
    while ((await this.pending()) > MOST_PENDING) await sleep(this.clock, LOOK_AGAIN_MS, signal)
    this.lookAtMs = this.clock.monotonicMs() + LOOK_EVERY_MS
  }

  private async pending(): Promise<number> {
    const infos = await Promise.all(this.nodes.map((node) => readInfo(node, 'memory')))
    return Math.max(0, ...infos.map((info) => Number(info?.get('lazyfree_pending_objects') ?? 0)))
  }
}
