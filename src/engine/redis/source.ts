import type { RawClient } from './client.ts'

export interface Host {
  host: string
  port: number
}

/** Who Sluice is to a server. */
export interface Credentials {
  username?: string | undefined
  password?: string | undefined
}

/** What the servers behind one address are to each other. */
export type Topology =
  | { kind: 'single' }
  /** The sentinels know where the master called `name` is. */
  | { kind: 'sentinel'; sentinels: readonly Host[]; name: string }
  /** Any of the seeds knows which node has which slot. */
  | {
      kind: 'cluster'
      seeds: readonly Host[]
      /** Where a node that is announced as `host:port` is reached from here. */
      translate: (announced: Host) => Host
    }

/** Where the servers are and how to talk to them: read from a URL, or from the user's own client. */
export interface RedisSource {
  readonly topology: Topology
  /** For messages: hosts and ports, never a secret. */
  readonly place: string
  /** A client for a server of data. `null` is the only server of the `single` topology. */
  openData(at: Host | null, connectTimeoutMs: number): RawClient
  /** A client for a sentinel. */
  openSentinel(at: Host, connectTimeoutMs: number): RawClient
}
