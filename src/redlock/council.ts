import type { Clock } from '../clock.ts'
import { Rhythm } from '../gate/rhythm.ts'
import { type NodeVote, QuorumError } from './errors.ts'
import type { NodeServer, QuorumNode } from './node.ts'
import { type Needed, PENDING, Poll, type Question, type Said } from './poll.ts'

export interface CouncilSettings {
  /** How long a node may take for one answer. */
  nodeTimeoutMs: number | null
  /** How long the first acquisition waits until it is known who votes. */
  meetTimeoutMs: number
  /** No lease is longer. A node that restarted less than this ago may have forgotten one. */
  longestTtlMs: number
}

const SHORTEST_NODE_TIMEOUT_MS = 10
const LONGEST_NODE_TIMEOUT_MS = 200

/** Votes that are no answer to the question whether the lock can be had. */
const UNABLE: ReadonlySet<NodeVote['vote']> = new Set<NodeVote['vote']>([
  ...(['refused', 'unreachable', 'late', 'restarted', 'duplicate'] as const),
])

const DENIALS: ReadonlySet<NodeVote['vote']> = new Set<NodeVote['vote']>([
  ...(['lost', 'forced', 'taken', 'free'] as const),
])

const isKnown = (node: QuorumNode) => node.server() !== null

/** The nodes that vote, how many of them have to agree, and which may not vote now. */
export class Council {
  readonly nodes: readonly QuorumNode[]
  readonly clock: Clock
  /** What is known of a question before it is put. */
  readonly pending: readonly Said<never>[]
  /** What an attempt knows of the nodes before it asks them. */
  readonly unmarked: readonly number[]
  /** A majority: any two of them share a node. */
  readonly quorum: number
  /** Of the polls that are under way. */
  readonly deadlines: Rhythm
  private readonly settings: CouncilSettings
  private readonly majority: Needed
  private readonly everybody: Needed
  /** Servers that have voted, by their nodes: nothing but a loss of their data can take that from them. */
  private readonly voters: (NodeServer | undefined)[] = []

  constructor(nodes: readonly QuorumNode[], clock: Clock, settings: CouncilSettings) {
    this.nodes = nodes
    this.pending = nodes.map(() => PENDING)
    this.unmarked = nodes.map(() => 0)
    this.clock = clock
    this.quorum = Math.floor(nodes.length / 2) + 1
    this.deadlines = new Rhythm(clock)
    this.settings = settings
    const { length } = nodes
    this.majority = { granted: this.quorum, against: length - this.quorum + 1 }
    this.everybody = { granted: length, against: length, answers: length }
  }

  get longestTtlMs(): number {
    return this.settings.longestTtlMs
  }

  /** How long a node may take for one answer about a lease of this length. */
  nodeTimeoutMs(ttlMs: number): number {
    const { nodeTimeoutMs } = this.settings
    const share = Math.max(ttlMs / 20, SHORTEST_NODE_TIMEOUT_MS)
    return nodeTimeoutMs ?? Math.min(share, LONGEST_NODE_TIMEOUT_MS)
  }

  /** Before the first vote it has to be known who votes. Null if it is. */
  meet(): Promise<unknown> | null {
    if (this.nodes.every(isKnown)) return null
    const strangers = this.nodes.filter((node) => node.server() === null && node.away() === null)
    if (strangers.length === 0) return null
    const able = this.nodes.filter((node) => node.server() !== null && node.away() === null)
    const enough = this.quorum - able.length
    if (enough > 0 && enough <= strangers.length) return this.enoughOf(strangers, enough)
    // Who is known decides, or can decide nothing; the others are met meanwhile.
    for (const node of strangers) void node.meet().catch(() => {})
    return null
  }

  /** Why a node may not vote now; null if it may. */
  unable(index: number): Said<never> | null {
    const node = this.nodes[index] as QuorumNode
    const away = node.away()
    if (away !== null) return { vote: 'unreachable', reason: away }
    const server = node.server()
    if (server === null) return { vote: 'unreachable', reason: 'it has not answered yet' }
    // It is asked for every vote, three times a node.
    const isVoter = this.voters[index] === server
    if (isVoter && node.store.resetSince(0) === null) return null
    const reason = this.unableServer(node, server, index)
    // Those behind it may be the same server: they are to be looked at again.
    if (!isVoter) this.voters.length = Math.min(this.voters.length, index)
    if (reason === null && server.id !== null) this.voters[index] = server
    return reason
  }

  private unableServer(node: QuorumNode, server: NodeServer, index: number): Said<never> | null {
    if (server.inCluster) {
      return { vote: 'refused', reason: 'it is a node of a cluster, which no single vote is' }
    }
    const twin = this.twinOf(server, index)
    if (twin) return { vote: 'duplicate', reason: `the same server as ${twin.place}` }
    return this.restarted(node, server)
  }

  /**
   * Asks all nodes at once. Resolves as soon as a majority has granted it, or cannot any more, or at
   * the deadline: then with what each has said until then.
   */
  poll<Answer>(timeoutMs: number, question: Question<Answer>): Promise<Said<Answer>[]> {
    return this.ask(timeoutMs, question, this.majority)
  }

  /** The same, but it waits for every node that answers by its deadline. */
  hear<Answer>(timeoutMs: number, question: Question<Answer>): Promise<Said<Answer>[]> {
    return this.ask(timeoutMs, question, this.everybody)
  }

  private ask<Answer>(timeoutMs: number, question: Question<Answer>, needed: Needed) {
    const dueMs = this.clock.monotonicMs() + timeoutMs
    return new Promise<Said<Answer>[]>((resolve) =>
      new Poll(this, question, needed, dueMs, resolve).run(),
    )
  }

  /** Whether enough nodes may vote now. */
  isAble(): boolean {
    let able = 0
    for (let index = 0; index < this.nodes.length; index++) if (!this.unable(index)) able++
    return able >= this.quorum
  }

  /** What each node counts as before it is asked. */
  standing(): Said<never>[] {
    return this.nodes.map((_, index) => this.unable(index) ?? PENDING)
  }

  hasMajority(votes: readonly Said<unknown>[]): boolean {
    let granted = 0
    for (const { vote } of votes) if (vote === 'granted') granted++
    return granted >= this.quorum
  }

  /** Whether so many nodes could not answer that those who did are no majority. */
  isUnable(votes: readonly Said<unknown>[]): boolean {
    const able = votes.filter(({ vote }) => !UNABLE.has(vote))
    return able.length < this.quorum
  }

  /** Whether so many nodes said no that the others, had they answered, would be no majority. */
  isDenied(votes: readonly Said<unknown>[]): boolean {
    const denied = votes.filter(({ vote }) => DENIALS.has(vote))
    return this.nodes.length - denied.length < this.quorum
  }

  /** With each node's vote. */
  failure(what: string, votes: readonly Said<unknown>[], outcome: 'not-applied' | 'unknown') {
    return new QuorumError(what, this.quorum, this.named(votes), outcome)
  }

  named(votes: readonly Said<unknown>[]): NodeVote[] {
    return votes.map(({ vote, reason }, index) => ({
      node: this.nodes[index]?.place ?? '',
      vote,
      reason,
    }))
  }

  /** A node before this one that is the same server. */
  private twinOf(server: NodeServer, index: number): QuorumNode | null {
    const { id } = server
    if (id === null) return null
    for (let before = 0; before < index; before++) {
      const other = this.nodes[before] as QuorumNode
      if (other.server()?.id === id) return other
    }
    return null
  }

  private restarted(node: QuorumNode, server: NodeServer): Said<never> | null {
    const { longestTtlMs } = this.settings
    const sinceMs = this.clock.monotonicMs() - longestTtlMs
    const reset = node.store.resetSince(sinceMs)
    if (server.startedAtMs < sinceMs && reset === null) return null
    const what = reset?.message ?? 'it began to run'
    const reason = `${what} less than ${longestTtlMs} ms ago, so a lease may be forgotten there`
    return { vote: 'restarted', reason }
  }

  private enoughOf(strangers: readonly QuorumNode[], enough: number): Promise<unknown> {
    let known = 0
    let left = strangers.length
    return new Promise((resolve) => {
      const timer = this.clock.after(this.settings.meetTimeoutMs, () => resolve(undefined))
      const heed = (node: QuorumNode) => {
        left--
        if (node.server() !== null) known++
        if (known < enough && left > 0) return
        timer.cancel()
        resolve(undefined)
      }
      for (const node of strangers) {
        node.meet().then(
          () => heed(node),
          () => heed(node),
        )
      }
    })
  }
}
