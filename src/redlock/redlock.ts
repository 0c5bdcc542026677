import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { newClientId } from '../engine/client-id.ts'
import type { Logger } from '../engine/open.ts'
import type { TlsOptions } from '../engine/options.ts'
import type { Credentials } from '../engine/redis/source.ts'
import {
  createLocks,
  type Lock,
  type LockOptions,
  type LockView,
  lockViewOf,
  type ManyLocks,
} from '../lock/open.ts'
import { readOptions } from '../options.ts'
import { Council } from './council.ts'
import type { NodeVote } from './errors.ts'
import type { QuorumNode } from './node.ts'
import { openNodes, type RedlockNode } from './nodes.ts'
import { redlockOptions, refuseMeaningless, refuseTtl, withTtl } from './options.ts'
import { refuseElection, refuseReadWriteLock, refuseSemaphore } from './refused.ts'
import { quorumLockStore } from './store.ts'

export interface RedlockOptions {
  /** Accepts an even number of nodes: one more than an odd number costs a round trip and survives no more. */
  allowEven?: boolean
  /**
   * Whether every lease has a fence that is higher than all before, for one round trip more. With
   * `false` it is 0, which every resource that is guarded by fences refuses. Defaults to true.
   */
  fence?: boolean
  /** A lease is given out only while more than this is left of it. Defaults to 0. */
  minValidity?: Duration
  /** How long one node may take for one answer. Defaults to a twentieth of the `ttl`, 10 to 200 ms. */
  nodeTimeout?: Duration
  /**
   * No `ttl` of these locks, in any process, is longer: a node that restarted less than this ago may
   * have forgotten a lease, and does not vote. All processes must say the same. Defaults to 1 minute.
   */
  longestTtl?: Duration
  /** What every key begins with. Defaults to `sluice`. */
  prefix?: string
  /** How long any one call to a node may take before its connection is given up. Defaults to 2 s. */
  commandTimeout?: Duration
  /** How long opening a connection or a file may take. Defaults to 5 s. */
  connectTimeout?: Duration
  /** User and password for every node, asked for at each connect. */
  credentials?: () => Credentials | Promise<Credentials>
  /** `rediss` URLs only. */
  tls?: TlsOptions
  /** Where time comes from; for tests. */
  clock?: Clock
  /** Defaults to the console. */
  logger?: Logger
}

/** Nodes have no replicas that a lease could wait for, and no line that one could stand in. */
export type RedlockLockOptions = Omit<LockOptions, 'durability' | 'fair'>

/** A lock as its nodes see it. */
export interface RedlockView extends LockView {
  /** What each node says, in their order: `granted` where it is held by the holder of the majority. */
  nodes: readonly NodeVote[]
}

export interface RedlockLock extends Lock {
  /** Who holds it on a majority, and what each node says. @throws {QuorumError} */
  inspect(): Promise<RedlockView>
}

/** Locks that a majority of independent nodes gives out. */
export interface Redlock extends AsyncDisposable {
  /** @throws {ArgumentError} */
  lock(name: string, options?: RedlockLockOptions): RedlockLock
  /** Several locks as one, all or none. @throws {ArgumentError} */
  lock(names: readonly string[], options?: RedlockLockOptions): ManyLocks
  /** Refused. @throws {ArgumentError} that says why */
  semaphore(name: string, options?: object): never
  /** Refused. @throws {ArgumentError} that says why */
  readWriteLock(name: string, options?: object): never
  /** Refused. @throws {ArgumentError} that says why */
  election(name: string, options?: object): never
  /** Ends every wait, gives up every lease, and closes the connections that it opened. */
  close(): Promise<void>
}

/** What a council of nodes needs to know to give out locks. */
export interface CouncilOptions {
  clock: Clock
  fence: boolean
  minValidityMs: number
  nodeTimeoutMs: number | null
  longestTtlMs: number
  meetTimeoutMs: number
  /** From 0 to 1. */
  random: () => number
}

/**
 * Locks on N independent masters: who has a majority has the lock, and any minority may be gone. It is
 * Redlock (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/) with a fence.
 * Exclusion rests on clocks that run at about the same speed, and on nodes that keep their data or say
 * that they restarted; a resource that refuses lower fences needs neither. Nothing is opened until it
 * is used.
 *
 * @throws {ArgumentError}
 */
export function redlock(nodes: readonly RedlockNode[], options?: RedlockOptions): Redlock {
  const read = readOptions('redlock', options, redlockOptions)
  const opened = openNodes(nodes, read)
  const locks = locksOf(
    opened.map(({ node }) => node),
    {
      clock: read.clock,
      fence: read.fence,
      minValidityMs: read.minValidity,
      nodeTimeoutMs: read.nodeTimeout,
      longestTtlMs: read.longestTtl,
      meetTimeoutMs: read.connectTimeout,
      random: Math.random,
    },
  )
  let closing: Promise<void> | null = null

  async function closeAll(): Promise<void> {
    await locks.close()
    // What is given back in the background is still on its way.
    await Promise.all(opened.map(({ engine }) => engine.idle()))
    await Promise.all(opened.map(({ engine }) => engine.close()))
  }

  const made: Redlock = {
    ...locks,
    semaphore: refuseSemaphore,
    readWriteLock: refuseReadWriteLock,
    election: refuseElection,
    close() {
      closing ??= closeAll()
      return closing
    },
    [Symbol.asyncDispose]: () => made.close(),
  }
  return made
}

/** Locks over nodes that are there already. */
export function locksOf(
  nodes: readonly QuorumNode[],
  options: CouncilOptions,
): Pick<Redlock, 'lock' | 'close'> {
  const { clock, longestTtlMs, random } = options
  const store = quorumLockStore(new Council(nodes, clock, options), options, random)
  const locks = createLocks(store, clock, newClientId())

  function lock(name: string, options?: RedlockLockOptions): RedlockLock
  function lock(names: readonly string[], options?: RedlockLockOptions): ManyLocks
  function lock(names: string | readonly string[], given?: LockOptions): RedlockLock | ManyLocks {
    const read = withTtl(given, longestTtlMs)
    const made = locks.lock(names as string, read)
    refuseMeaningless(given)
    refuseTtl(read.ttl, options)
    if (typeof names !== 'string') return made as unknown as ManyLocks
    const one = made as RedlockLock
    one.inspect = () => inspect(names)
    return one
  }

  async function inspect(name: string): Promise<RedlockView> {
    const { lock: stored, votes } = await store.read(name)
    return { ...lockViewOf(stored), nodes: votes }
  }

  return {
    lock,
    close: () => locks.close(),
  }
}
