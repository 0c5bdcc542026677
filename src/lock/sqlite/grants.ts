import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import type { Grant, Owner } from '../store.ts'

/**
 * Tells this client's waiters of their grants: those made in this process at once, those of other
 * processes by looking after each of their commits, and only while someone waits.
 */
export class Grants {
  private readonly engine: SqliteEngine
  private highestFence = 0
  private readonly awaited = new Set<Owner>()
  private readonly listeners = new Set<(grant: Grant) => void>()
  private readonly doubtListeners = new Set<() => void>()
  private stopLooking: (() => void) | undefined
  private lookUnderWay: 'none' | 'running' | 'again' = 'none'

  constructor(engine: SqliteEngine) {
    this.engine = engine
  }

  /** The highest fence that this client knows of, whatever happened to the file since. */
  get floor(): number {
    return this.highestFence
  }

  onGrant(listener: (grant: Grant) => void): () => void {
    return subscribe(this.listeners, listener)
  }

  onDoubt(listener: () => void): () => void {
    return subscribe(this.doubtListeners, listener)
  }

  await(owner: Owner): void {
    this.awaited.add(owner)
    this.stopLooking ??= this.engine.onChange('lock', () => void this.look())
  }

  acquired(owner: Owner, fence: number): void {
    this.highestFence = Math.max(this.highestFence, fence)
    this.forget(owner)
  }

  forget(owner: Owner): void {
    this.awaited.delete(owner)
    if (this.awaited.size > 0) return
    this.stopLooking?.()
    this.stopLooking = undefined
  }

  /** Ignores owners of other clients, and those that know already. */
  deliver(grant: Grant): void {
    if (!this.awaited.has(grant.owner)) return
    this.acquired(grant.owner, grant.fence)
    for (const listener of [...this.listeners]) listener(grant)
  }

  private async look(): Promise<void> {
    if (this.lookUnderWay !== 'none') {
      this.lookUnderWay = 'again'
      return
    }
    do {
      this.lookUnderWay = 'running'
      await this.lookOnce()
    } while (this.isAskedAgain())
    this.lookUnderWay = 'none'
  }

  private isAskedAgain(): boolean {
    return this.lookUnderWay === 'again'
  }

  /** Owners are `<clientId>.<number>`, and `/` is what comes after `.`. */
  private async lookOnce(): Promise<void> {
    const { clientId } = this.engine
    try {
      const grants = await this.engine.read((transaction) =>
        transaction.all<Grant>(
          `SELECT owner, fence FROM lock
           WHERE is_granted = 1 AND owner > ? AND owner < ? AND expires_us > ?`,
          `${clientId}.`,
          `${clientId}/`,
          transaction.nowUs,
        ),
      )
      for (const { owner, fence } of grants) this.deliver({ owner, fence })
    } catch {
      for (const listener of [...this.doubtListeners]) listener()
    }
  }
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

const grantsOf = new WeakMap<SqliteEngine, Grants>()

/** Every store on an engine shares them: the owners of a client are one set. */
export function sharedGrants(engine: SqliteEngine): Grants {
  const grants = grantsOf.get(engine) ?? new Grants(engine)
  grantsOf.set(engine, grants)
  return grants
}
