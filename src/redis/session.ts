import type { RawClient } from '../engine/redis/client.ts'
import { connect, type Established } from '../engine/redis/connect.ts'
import { asFailure, detailOf, isReplyError, isRetryable } from '../engine/redis/failures.ts'
import type { Servers } from '../engine/redis/servers.ts'
import { EngineUnavailableError } from '../errors.ts'
import { asFailureOf } from './replies.ts'

/** The connection of a session is gone: what was watched on it is watched no more. */
export class SessionLost extends Error {}

/**
 * One socket for one user at a time. It is never made anew behind its user's back: what the server
 * knows of it, such as the keys that it watches, is there as long as it is.
 */
export class Session {
  private readonly client: RawClient
  private lost = false

  constructor({ client, lost }: Established) {
    this.client = client
    void lost.then(() => {
      this.lost = true
    })
  }

  get isLost(): boolean {
    return this.lost
  }

  /**
   * Rejects with {@link CommandError} or {@link SessionLost}. What is not answered within
   * `timeoutMs` ends the session; left out for what comes right before something that has one.
   */
  async send(command: string, args: readonly string[], timeoutMs?: number): Promise<unknown> {
    if (this.lost) throw new SessionLost('the connection was lost')
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.close(), timeoutMs)
    try {
      return await this.client.send(command, [...args])
    } catch (error) {
      const cause = asFailure(this.client, error)
      const { message } = cause
      if (isReplyError(cause)) throw asFailureOf(command, cause)
      this.close()
      throw new SessionLost(message, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  close(): void {
    this.lost = true
    this.client.destroy()
  }
}

/** Something between may have forgotten a connection that was silent for longer. */
const LONGEST_IDLE_MS = 30_000
const MOST_IDLE = 64

interface Idle {
  session: Session
  sinceMs: number
}

/** Sessions to the servers of keys, kept for the next user. */
export class Sessions {
  private readonly servers: Servers
  private readonly connectTimeoutMs: number
  private readonly place: string
  private readonly idle = new Map<string, Idle[]>()
  private readonly busy = new Set<Session>()
  private readonly stop = new AbortController()

  constructor(servers: Servers, place: string, connectTimeoutMs: number) {
    this.servers = servers
    this.place = place
    this.connectTimeoutMs = connectTimeoutMs
  }

  /**
   * Lends a session to the server of a group.
   * @throws {EngineUnavailableError} if there is none within the connect timeout
   */
  async take(group: number, signal?: AbortSignal): Promise<Session> {
    const free = this.idle.get(this.servers.serverOf(group)) ?? []
    for (let one = free.pop(); one; one = free.pop()) {
      const isFresh = performance.now() - one.sinceMs < LONGEST_IDLE_MS
      if (isFresh && !one.session.isLost) {
        this.busy.add(one.session)
        return one.session
      }
      one.session.close()
    }
    const session = await this.open(group, signal)
    this.busy.add(session)
    return session
  }

  /** Gives one back that nothing is watched on. */
  giveBack(group: number, session: Session): void {
    this.busy.delete(session)
    const server = this.servers.serverOf(group)
    const free = this.idle.get(server) ?? []
    if (session.isLost || this.stop.signal.aborted || free.length >= MOST_IDLE) {
      return session.close()
    }
    free.push({ session, sinceMs: performance.now() })
    this.idle.set(server, free)
  }

  /** Ends one, of which it is not known what the server thinks. */
  drop(session: Session): void {
    this.busy.delete(session)
    session.close()
  }

  close(): void {
    this.stop.abort()
    for (const { session } of [...this.idle.values()].flat()) session.close()
    for (const session of this.busy) session.close()
    this.idle.clear()
  }

  private async open(group: number, signal?: AbortSignal): Promise<Session> {
    let failure: Error | undefined
    const late = AbortSignal.timeout(this.connectTimeoutMs)
    const ends = [late, this.stop.signal, ...(signal ? [signal] : [])]
    const { connectTimeoutMs, servers } = this
    const established = await connect(
      { connectTimeoutMs, openClient: () => servers.openBeside(group), prepare: tryMulti },
      AbortSignal.any(ends),
      (cause) => {
        failure = cause
      },
    )
    if (established) return new Session(established)
    signal?.throwIfAborted()
    const detail = detailOf(failure)
    throw new EngineUnavailableError(
      `Redis at ${this.place}: no connection within ${connectTimeoutMs} ms. ${detail?.message ?? ''}`,
      { outcome: 'not-applied', retryable: isRetryable(detail), cause: detail },
    )
  }
}

/** If MULTI were refused later, what comes behind it would run without it. */
async function tryMulti(client: RawClient): Promise<void> {
  await Promise.all([client.send('MULTI', []), client.send('DISCARD', [])])
}
