import { EngineUnavailableError } from '../../errors.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { isReplyError } from './failures.ts'
import type { Servers } from './servers.ts'

/** WAIT ends this much before the call that it belongs to: too late for a repeat, which would hide why. */
const SPARE_MS = 60

/**
 * Sends scripts and waits until so many replicas have what they wrote (`WAIT`). It blocks the whole
 * connection, so there is one for this alone to each server. An answer that too few replicas
 * confirm is none: what the script did stands, and whoever asked has to undo it.
 */
export class Replication implements Pick<Servers, 'groupOf' | 'call'> {
  private readonly servers: Servers
  private readonly replicas: number
  private readonly optionsOf: (group: number) => ConnectionOptions
  private readonly connections = new Map<string, Connection>()

  constructor(servers: Servers, replicas: number, optionsOf: (group: number) => ConnectionOptions) {
    this.servers = servers
    this.replicas = replicas
    this.optionsOf = optionsOf
  }

  groupOf(key: string): number {
    return this.servers.groupOf(key)
  }

  async call(group: number, command: string, args: string[], deadlineMs: number): Promise<unknown> {
    const connection = this.connectionOf(group)
    const waitMs = Math.max(1, Math.floor(deadlineMs - performance.now() - SPARE_MS))
    const answer = connection.call(command, args, deadlineMs)
    const confirmed = connection.call('WAIT', [`${this.replicas}`, `${waitMs}`], deadlineMs)
    confirmed.catch(() => {})
    const reply = await answer.catch((error: unknown) => {
      // The slots may have moved: the next attempt asks whoever has them then.
      if (isReplyError(error) && /^(?:MOVED|ASK)\b/.test(error.message)) connection.reconnect(error)
      throw error
    })
    const count = Number(await confirmed)
    if (count >= this.replicas) return reply
    throw new EngineUnavailableError(
      `Only ${count} of ${this.replicas} replicas confirmed the write within ${waitMs} ms. ` +
        'Check that replicas are attached, or ask for fewer with durability.',
      { outcome: 'unknown' },
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.connections.values()].map((connection) => connection.close()))
  }

  private connectionOf(group: number): Connection {
    const server = this.servers.serverOf(group)
    let connection = this.connections.get(server)
    if (!connection) {
      connection = new Connection(this.optionsOf(group))
      this.connections.set(server, connection)
    }
    return connection
  }
}
