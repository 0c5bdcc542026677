import { Connection } from '../engine/redis/connection.ts'
import type { Host, RedisSource } from '../engine/redis/source.ts'
import { hostText } from '../engine/redis/url.ts'
import type { RedisNode } from './client.ts'

/** One supervised connection to each replica. */
export class ReplicaNodes {
  private readonly source: RedisSource
  private readonly connectTimeoutMs: number
  private readonly pingTimeoutMs: number
  private readonly nodeOf: (connection: Connection) => RedisNode
  private readonly connections = new Map<string, Connection>()

  constructor(
    source: RedisSource,
    connectTimeoutMs: number,
    pingTimeoutMs: number,
    nodeOf: (connection: Connection) => RedisNode,
  ) {
    this.source = source
    this.connectTimeoutMs = connectTimeoutMs
    this.pingTimeoutMs = pingTimeoutMs
    this.nodeOf = nodeOf
  }

  /** The replicas that these primaries say they have. */
  async list(primaries: readonly RedisNode[]): Promise<RedisNode[]> {
    const roles = await Promise.all(primaries.map((primary) => primary.call('ROLE', [])))
    const { topology } = this.source
    return roles.flatMap(readReplicas).map((announced) => {
      const at = topology.kind === 'cluster' ? topology.translate(announced) : announced
      return this.nodeOf(this.connectionTo(at))
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.connections.values()].map((connection) => connection.close()))
  }

  private connectionTo(at: Host): Connection {
    const address = hostText(at)
    const known = this.connections.get(address)
    if (known) return known
    const { source, connectTimeoutMs, pingTimeoutMs } = this
    const connection = new Connection({
      label: `reads to ${address}`,
      connectTimeoutMs,
      openClient: () => source.openData(at, connectTimeoutMs),
      prepare: async (client) => {
        if (source.topology.kind === 'cluster') await client.send('READONLY', [])
      },
      pulse: { pingAfterMs: PING_AFTER_MS, pingTimeoutMs },
      fits: () => true,
    })
    this.connections.set(address, connection)
    return connection
  }
}

const PING_AFTER_MS = 5_000

/** `['master', offset, [[host, port, offset], …]]` */
function readReplicas(role: unknown): Host[] {
  if (!Array.isArray(role) || role[0] !== 'master' || !Array.isArray(role[2])) return []
  return role[2].map(([host, port]: [unknown, unknown]) => ({
    host: String(host),
    port: Number(port),
  }))
}
