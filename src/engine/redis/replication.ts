import { EngineUnavailableError } from '../../errors.ts'
import { printable } from '../../text.ts'
import type { Call } from './call-line.ts'
import type { ScriptCalls } from './calls.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { isReplyError } from './failures.ts'
import type { Servers } from './servers.ts'

/** WAIT ends this much before the call that it belongs to: too late for a repeat, which would hide why. */
const SPARE_MS = 60

/** What must have a write before it counts. */
export interface Confirmation {
  /** So many replicas in memory. */
  readonly replicas: number
  /** The append-only file of the server itself, on its disk. */
  readonly isSynced: boolean
}

/**
 * Sends scripts and waits until so many replicas have what they wrote (`WAIT`), or the server has it
 * on disk (`WAITAOF`). That blocks the whole connection, so there is one for this alone to each server.
 * An answer that too few confirm is none: what the script did stands, and whoever asked has to undo it.
 */
class Replication implements Pick<Servers, 'groupOf' | 'take'> {
  private readonly servers: Servers
  private readonly wanted: Confirmation
  private readonly optionsOf: (group: number) => ConnectionOptions
  private readonly connections = new Map<string, Connection>()

  constructor(
    servers: Servers,
    wanted: Confirmation,
    optionsOf: (group: number) => ConnectionOptions,
  ) {
    this.servers = servers
    this.wanted = wanted
    this.optionsOf = optionsOf
  }

  groupOf(key: string): number {
    return this.servers.groupOf(key)
  }

  take(group: number, call: Call): void {
    this.confirm(group, call).then(
      (reply) => call.resolve(reply),
      (error: unknown) => call.reject(error),
    )
  }

  private async confirm(group: number, { command, args, deadlineMs }: Call): Promise<unknown> {
    const { replicas, isSynced } = this.wanted
    const connection = this.connectionOf(group)
    const waitMs = Math.max(1, Math.floor(deadlineMs - performance.now() - SPARE_MS))
    const answer = connection.call(command, args, deadlineMs)
    const confirmed = isSynced
      ? connection.call('WAITAOF', ['1', '0', `${waitMs}`], deadlineMs)
      : connection.call('WAIT', [`${replicas}`, `${waitMs}`], deadlineMs)
    confirmed.catch(() => {})
    const reply = await answer.catch((error: unknown) => {
      // The slots may have moved: the next attempt asks whoever has them then.
      if (isReplyError(error) && /^(?:MOVED|ASK)\b/.test(error.message)) connection.reconnect(error)
      throw error
    })
    const count = countOf(await confirmed.catch(asUnconfirmed))
    if (count >= (isSynced ? 1 : replicas)) return reply
    throw new EngineUnavailableError(
      isSynced
        ? `The server did not have the write on its disk within ${waitMs} ms. Look at its disk and its appendfsync.`
        : `Only ${count} of ${replicas} replicas confirmed the write within ${waitMs} ms. ` +
            'Check that replicas are attached, or ask for fewer with durability.',
      { outcome: 'unknown' },
    )
  }

  /**
   * Asks the server of a group whether it can tell that a write is on its disk.
   * @throws {EngineUnavailableError} before anything was written
   */
  async assertSyncs(group: number, timeoutMs: number): Promise<void> {
    const connection = this.connectionOf(group)
    const deadlineMs = performance.now() + timeoutMs
    await connection.call('WAITAOF', ['1', '0', '1'], deadlineMs).catch((error: unknown) => {
      if (!isReplyError(error)) throw error
      const said = printable(error.message).slice(0, 200)
      throw new EngineUnavailableError(
        `${connection.label} cannot tell when a write is on its disk: that takes Redis 7.2 or Valkey with ` +
          `appendonly yes. It said: ${said}. Nothing was sent: change the server, or ask for replicas.`,
        { outcome: 'not-applied', retryable: false, cause: error },
      )
    })
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

/** `WAITAOF` tells of the server itself and of its replicas. */
const countOf = (reply: unknown) => Number(Array.isArray(reply) ? reply[0] : reply)

/** The script ran: that the server refuses to wait does not undo it. */
function asUnconfirmed(error: unknown): never {
  if (!isReplyError(error)) throw error
  const message = `The server does not say whether the write is safe: ${printable(error.message)}.`
  throw new EngineUnavailableError(message, { outcome: 'unknown', retryable: false, cause: error })
}

/** The calls of an engine that count only when others have confirmed them. */
export class ConfirmedCalls {
  private readonly servers: Servers
  private readonly optionsOf: (group: number) => ConnectionOptions
  private readonly callsTo: (to: Replication) => ScriptCalls
  private readonly byWanted = new Map<string, { to: Replication; calls: ScriptCalls }>()

  constructor(
    servers: Servers,
    optionsOf: (group: number) => ConnectionOptions,
    callsTo: (to: Pick<Servers, 'groupOf' | 'take'>) => ScriptCalls,
  ) {
    this.servers = servers
    this.optionsOf = optionsOf
    this.callsTo = callsTo
  }

  by(wanted: Confirmation): ScriptCalls {
    return this.of(wanted).calls
  }

  /** @throws {EngineUnavailableError} where the server of a group can not tell what is on its disk */
  assertSyncs(group: number, timeoutMs: number): Promise<void> {
    return this.of({ replicas: 0, isSynced: true }).to.assertSyncs(group, timeoutMs)
  }

  async idle(): Promise<void> {
    await Promise.all([...this.byWanted.values()].map(({ calls }) => calls.idle()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.byWanted.values()].map(({ to }) => to.close()))
  }

  private of(wanted: Confirmation): { to: Replication; calls: ScriptCalls } {
    const key = wanted.isSynced ? 'fsync' : String(wanted.replicas)
    const found = this.byWanted.get(key)
    if (found) return found
    const to = new Replication(this.servers, wanted, this.optionsOf)
    const made = { to, calls: this.callsTo(to) }
    this.byWanted.set(key, made)
    return made
  }
}
