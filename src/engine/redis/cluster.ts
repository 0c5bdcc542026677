import { setTimeout as delay } from 'node:timers/promises'
import keySlot from 'cluster-key-slot'
import { ClosedError, EngineUnavailableError } from '../../errors.ts'
import type { Call } from './call-line.ts'
import type { RawClient } from './client.ts'
import { Connection } from './connection.ts'
import { detailOf, isReplyError, isRetryable } from './failures.ts'
import { lateClient } from './late-client.ts'
import { callConnectionOptions, type Servers, type ServersOptions } from './servers.ts'
import { tagOfSlot } from './slot-tags.ts'
import { addressOf, readRedirect, readSlots, type SlotMap } from './slots.ts'
import type { Host, RedisSource, Topology } from './source.ts'

interface Node {
  at: Host
  connection: Connection
}

/** Nodes that are asked for the map at once: one of them may be dead, or cut off. */
const NODES_ASKED = 3
const MAP_TIMEOUT_MS = 1_000
/** Pause before the map is asked for again while it does not help. */
const MAP_PAUSE_MS = 100
/** While a failover is under way, two nodes may each say that the other has the slot. */
const QUICK_REDIRECTS = 3
const REDIRECT_PAUSE_MS = 25

/**
 * A cluster: one supervised connection to each master, and a map of which has what. The map is read
 * when it is needed first, when a node says that it is wrong, and while a node cannot be reached.
 */
export class Cluster implements Servers {
  readonly blocksTogether = false
  readonly countsListeners = false
  private readonly source: RedisSource
  private readonly topology: Topology & { kind: 'cluster' }
  private readonly options: ServersOptions
  private readonly nodes = new Map<string, Node>()
  private map: SlotMap | null = null
  private refreshing: Promise<void> | null = null
  private mapFailures = 0
  private mapFailure: Error | undefined
  private closed = false

  constructor(
    source: RedisSource,
    topology: Topology & { kind: 'cluster' },
    options: ServersOptions,
  ) {
    this.source = source
    this.topology = topology
    this.options = options
  }

  groupOf(key: string): number {
    return keySlot(key)
  }

  tagOf(slot: number): string {
    return tagOfSlot(slot)
  }

  serverOf(slot: number): string {
    return this.map?.owners[slot] ?? ''
  }

  async call(slot: number, command: string, args: string[], deadlineMs: number): Promise<unknown> {
    let target = await this.ownerOf(slot, deadlineMs)
    let asking = false
    for (let redirects = 0; ; ) {
      try {
        return await target.connection.call(command, args, deadlineMs, asking)
      } catch (error) {
        const next = this.afterFailure(error, target)
        if (!next) throw error
        if (performance.now() >= deadlineMs) throw this.unsettled(slot, error)
        if (redirects++ >= QUICK_REDIRECTS) await delay(REDIRECT_PAUSE_MS)
        asking = next !== 'owner' && next.asking
        target = next === 'owner' ? await this.ownerOf(slot, deadlineMs) : next.node
      }
    }
  }

  take(slot: number, call: Call): void {
    this.call(slot, call.command, call.args, call.deadlineMs).then(
      (reply) => call.resolve(reply),
      (error: unknown) => call.reject(error),
    )
  }

  async each(deadlineMs: number): Promise<readonly Connection[]> {
    const { masters } = await this.mapBy(deadlineMs)
    return [...masters.values()].map((at) => this.nodeAt(at).connection)
  }

  /** What redirects do not tell, the map does. */
  reconnect(): void {
    void this.refresh()
  }

  openBeside(slot: number | null): RawClient {
    const { connectTimeoutMs } = this.options
    return lateClient(async () => {
      // What asks for a client anew has lost one: the map may be why.
      await this.refresh()
      const map = await this.mapBy(performance.now() + connectTimeoutMs)
      const masters = [...map.masters.values()]
      const address = slot === null ? undefined : map.owners[slot]
      const at =
        slot === null
          ? masters[Math.floor(Math.random() * masters.length)]
          : map.masters.get(address ?? '')
      if (!at) throw this.uncovered(slot ?? 0)
      return this.source.openData(at, connectTimeoutMs)
    })
  }

  lastAnswerMs(): number | null {
    const times = [...this.nodes.values()].map(({ connection }) => connection.lastAnswerMs ?? 0)
    const latest = Math.max(0, ...times)
    return latest === 0 ? null : latest
  }

  async close(): Promise<void> {
    this.closed = true
    await Promise.all([...this.nodes.values()].map(({ connection }) => connection.close()))
  }

  /** Where a failed call goes next; null if the failure is its answer. */
  private afterFailure(
    error: unknown,
    asked: Node,
  ): 'owner' | { node: Node; asking: boolean } | null {
    if (!isReplyError(error)) return asked.connection.retired && neverLeft(error) ? 'owner' : null
    const redirect = readRedirect(error.message, asked.at)
    if (!redirect) {
      if (error.message.startsWith('CLUSTERDOWN')) void this.refresh()
      return null
    }
    const node = this.nodeAt(this.topology.translate(redirect.to))
    if (redirect.kind === 'ASK') return { node, asking: true }
    const address = addressOf(node.at)
    if (this.map && this.map.owners[redirect.slot] !== address) {
      this.map.owners[redirect.slot] = address
      this.map.masters.set(address, node.at)
      void this.refresh()
    }
    return { node, asking: false }
  }

  private async ownerOf(slot: number, deadlineMs: number): Promise<Node> {
    for (;;) {
      const map = await this.mapBy(deadlineMs)
      const at = map.masters.get(map.owners[slot] ?? '')
      if (at) return this.nodeAt(at)
      if (performance.now() + MAP_PAUSE_MS >= deadlineMs) throw this.uncovered(slot)
      await firstWithin([this.refresh()], deadlineMs - performance.now())
    }
  }

  /** The map as it is known, or as soon as any node has told it. */
  private async mapBy(deadlineMs: number): Promise<SlotMap> {
    for (;;) {
      if (this.closed) throw new ClosedError('This Sluice')
      if (this.map) return this.map
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) throw this.unreachable()
      await firstWithin([this.refresh()], leftMs)
    }
  }

  private nodeAt(at: Host): Node {
    const address = addressOf(at)
    const known = this.nodes.get(address)
    if (known) return known
    let attempts = 0
    const connection: Connection = new Connection({
      ...callConnectionOptions(`commands to ${address}`, this.options, () => connection),
      openClient: () => {
        // A node that must be connected to again may have lost its slots meanwhile.
        if (attempts++ > 0) void this.refresh()
        return this.source.openData(at, this.options.connectTimeoutMs)
      },
    })
    const node = { at, connection }
    this.nodes.set(address, node)
    return node
  }

  /** Reads the map anew; resolves when that was tried. */
  private refresh(): Promise<void> {
    this.refreshing ??= this.readMap().finally(() => {
      this.refreshing = null
    })
    return this.refreshing
  }

  private async readMap(): Promise<void> {
    if (this.closed) return
    const deadlineMs = performance.now() + this.options.pingTimeoutMs
    const answers = this.nodesToAsk().map(async (node) => {
      const reply = await node.connection.call('CLUSTER', ['SLOTS'], deadlineMs)
      const map = readSlots(reply, node.at, this.topology.translate)
      if (map.masters.size === 0) throw new Error('it knows of no slots')
      return map
    })
    for (const answer of answers) {
      answer.catch((error: Error) => {
        this.mapFailure = error
      })
    }
    const map = await firstWithin(answers, MAP_TIMEOUT_MS)
    if (this.closed) return
    this.mapFailures = map ? 0 : this.mapFailures + 1
    if (!map) return delay(MAP_PAUSE_MS)
    this.map = map
    this.forgetOthers(map)
  }

  /** Some nodes that answer, by chance: one may be cut off. Seeds too when those did not help. */
  private nodesToAsk(): Node[] {
    const known = [...this.nodes.values()]
    const ready = known.filter(({ connection }) => connection.ready)
    if (ready.length > 0 && this.mapFailures === 0) return shuffled(ready).slice(0, NODES_ASKED)
    const seeds = this.topology.seeds.map((at) => this.nodeAt(at))
    return shuffled([...new Set([...known, ...seeds])]).slice(0, NODES_ASKED)
  }

  private forgetOthers({ masters }: SlotMap): void {
    for (const [address, { connection }] of this.nodes) {
      if (masters.has(address)) continue
      this.nodes.delete(address)
      connection.retire()
      this.options.events.onRetired(connection)
    }
  }

  private uncovered(slot: number): EngineUnavailableError {
    return new EngineUnavailableError(
      `Redis Cluster at ${this.source.place}: no master serves slot ${slot} now. Check its nodes, or wait for the failover.`,
      { outcome: 'not-applied' },
    )
  }

  private unsettled(slot: number, cause: unknown): EngineUnavailableError {
    const said = cause instanceof Error ? cause.message : String(cause)
    return new EngineUnavailableError(
      `Redis Cluster at ${this.source.place}: its nodes do not agree on who serves slot ${slot} (${said}).`,
      { outcome: 'not-applied', cause },
    )
  }

  private unreachable(): EngineUnavailableError {
    const known = [...this.nodes.values()].map(({ connection }) => connection.failure)
    const detail = detailOf(this.mapFailure ?? known.find((one) => one !== undefined))
    const last = detail ? ` Last failure: ${detail.message}` : ''
    return new EngineUnavailableError(
      `Redis Cluster at ${this.source.place}: no node told who has which slots.${last}`,
      { outcome: 'not-applied', retryable: isRetryable(detail), cause: detail },
    )
  }
}

const neverLeft = (error: unknown) =>
  error instanceof EngineUnavailableError && error.outcome === 'not-applied'

/** The first of `works` that succeeds, or undefined if none does in time. */
async function firstWithin<T>(works: Promise<T>[], timeoutMs: number): Promise<T | undefined> {
  let timeout: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timeout = setTimeout(resolve, Math.max(0, timeoutMs), undefined)
  })
  try {
    return await Promise.race([Promise.any(works).catch(() => undefined), late])
  } finally {
    clearTimeout(timeout)
  }
}

function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
