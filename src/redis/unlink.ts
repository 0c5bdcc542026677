import { Backlog } from './backlog.ts'
import type { RedisConnections, RedisNode } from './client.ts'
import { CommandError } from './errors.ts'
import { Gentle, type GentleTerms } from './gentle.ts'
import type { Pace } from './pace.ts'

/** Beyond the most, no server is that quick: its answer told too little. */
const BOUNDS = { least: 16, first: 32, most: 300 }

/**
 * Removes keys with `UNLINK`, so many at a time that the servers' other clients do not wait for it,
 * and no more than servers have freed by then.
 */
export class Unlinker {
  private readonly redis: RedisConnections
  private readonly terms: GentleTerms
  private readonly pace: Pace
  private readonly gentle: Gentle
  private readonly backlog: Backlog

  constructor(
    redis: RedisConnections,
    nodes: readonly RedisNode[],
    pace: Pace,
    terms: GentleTerms,
  ) {
    this.redis = redis
    this.terms = terms
    this.pace = pace
    this.gentle = new Gentle(terms, BOUNDS)
    this.backlog = new Backlog(nodes, terms.clock)
  }

  /** Tells after each command how many of its keys were there. */
  async unlink(keys: readonly string[], tell: (removed: number) => void): Promise<void> {
    const { signal } = this.terms
    for (const portion of this.gentle.portions(keys)) {
      await this.backlog.settle(signal)
      await this.pace.turn(portion.length, signal)
      await this.gentle.ask(portion.length, async () => {
        const groups = this.bySlot(portion)
        const counts = await Promise.all(groups.map((group) => this.unlinkTogether(group)))
        tell(counts.reduce((sum, count) => sum + count, 0))
      })
    }
  }

  private bySlot(keys: readonly string[]): string[][] {
    const groups = new Map<number, string[]>()
    for (const key of keys) {
      const slot = this.redis.servers.groupOf(key)
      const group = groups.get(slot)
      if (group) group.push(key)
      else groups.set(slot, [key])
    }
    return [...groups.values()]
  }

  private async unlinkTogether(keys: readonly string[]): Promise<number> {
    const [first = ''] = keys
    try {
      return Number(await this.redis.callFor(first, 'UNLINK', keys))
    } catch (error) {
      // The slot is on its way to another node, and some of its keys are there already.
      const isSplit = error instanceof CommandError && error.reply === 'TRYAGAIN'
      if (!isSplit || keys.length === 1) throw error
      const counts = await Promise.all(keys.map((key) => this.unlinkTogether([key])))
      return counts.reduce((sum, count) => sum + count, 0)
    }
  }
}
