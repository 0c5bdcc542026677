import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import type { Grant, Owner } from '../store.ts'

/** What was handed over and is not claimed yet, of the owners between the two, both excluded. */
export type FindGranted = (transaction: Transaction, above: Owner, below: Owner) => Grant[]

/**
 * Tells this client's waiters of their grants: those made in this process at once, those of other
 * processes by looking after each of their commits, and only while someone waits.
 */
export class Grants {
  private readonly engine: SqliteEngine
  private readonly kind: string
  private readonly find: FindGranted
  private highestFence = 0
  private readonly awaited = new Set<Owner>()
  private readonly listeners = new Set<(grant: Grant) => void>()
  private readonly doubtListeners = new Set<() => void>()
  private stopLooking: (() => void) | undefined
  private lookUnderWay: 'none' | 'running' | 'again' = 'none'

  constructor(engine: SqliteEngine, kind: string, find: FindGranted) {
    this.engine = engine
    this.kind = kind
    this.find = find
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
    this.stopLooking ??= this.engine.onChange(this.kind, () => void this.look())
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
        this.find(transaction, `${clientId}.`, `${clientId}/`),
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

const grantsOf = new WeakMap<SqliteEngine, Map<string, Grants>>()

/** Every store of a kind on an engine shares them: the owners of a client are one set. */
export function sharedGrants(engine: SqliteEngine, kind: string, find: FindGranted): Grants {
  const kinds = grantsOf.get(engine) ?? new Map<string, Grants>()
  grantsOf.set(engine, kinds)
  const grants = kinds.get(kind) ?? new Grants(engine, kind, find)
  kinds.set(kind, grants)
  return grants
}
