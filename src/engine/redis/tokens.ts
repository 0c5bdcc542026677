import { setTimeout as delay } from 'node:timers/promises'
import { Connection, type ConnectionOptions } from './connection.ts'
import { isReplyError } from './failures.ts'

/** A blocking pop lasts no longer than this: a socket that died in silence is found by then. */
const LONGEST_BLOCK_SECONDS = 5
/** How long the server may take a socket that is gone for one that waits, and give it a token. */
const GHOST_MS = LONGEST_BLOCK_SECONDS * 1000
const GHOST_BLOCK_SECONDS = 1
/** A server that refuses to block must not be asked in a tight loop. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/** What waiting for tokens needs of the engine. */
export interface TokenGround {
  /** Keys of one group may be waited for together. */
  groupOf(key: string): number
  connectionOptions(group: number): Omit<ConnectionOptions, 'onReady'>
  /** A key of this client alone, of the same group as `key`: a token there ends a block early. */
  pokeKeyOf(key: string): string
  addToken(key: string): void
  addPoke(key: string): void
}

/**
 * Waits for tokens on any number of keys without polling, by one blocked connection for each group
 * of keys: a producer adds a token to a sorted set, `BZPOPMIN` gives it to exactly one who waits.
 */
export class Tokens {
  private readonly ground: TokenGround
  private readonly blocks = new Map<number, Block>()

  constructor(ground: TokenGround) {
    this.ground = ground
  }

  /** Calls one listener of `key` back for each token got from it. Returns what stops it. */
  on(key: string, listener: () => void): () => void {
    const group = this.ground.groupOf(key)
    let block = this.blocks.get(group)
    if (!block) {
      const ended = () => this.blocks.delete(group)
      block = new Block(this.ground, key, ended)
      this.blocks.set(group, block)
    }
    return block.on(key, listener)
  }

  /** The sockets may be as dead as another to the same server was. */
  reconnect(cause: Error): void {
    for (const block of this.blocks.values()) block.reconnect(cause)
  }

  async close(): Promise<void> {
    await Promise.all([...this.blocks.values()].map((block) => block.close()))
  }
}

/** One blocked connection. It ends some seconds after nobody listens any more. */
class Block {
  private readonly ground: TokenGround
  private readonly connection: Connection
  private readonly pokeKey: string
  private readonly onEnd: () => void
  private readonly listeners = new Map<string, Set<() => void>>()
  private blockedOn: ReadonlySet<string> = new Set()
  private wasReady = false
  private ghostUntilMs = 0
  private looping = false
  private closed = false

  constructor(ground: TokenGround, key: string, onEnd: () => void) {
    this.ground = ground
    this.connection = new Connection({
      ...ground.connectionOptions(ground.groupOf(key)),
      onReady: () => this.wakeAllAgain(),
    })
    this.pokeKey = ground.pokeKeyOf(key)
    this.onEnd = onEnd
  }

  on(key: string, listener: () => void): () => void {
    const listeners = this.listeners.get(key) ?? new Set()
    listeners.add(listener)
    this.listeners.set(key, listeners)
    if (!this.looping) void this.loop()
    else if (this.blockedOn.size > 0 && !this.blockedOn.has(key)) this.ground.addPoke(this.pokeKey)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.listeners.get(key) === listeners) this.listeners.delete(key)
    }
  }

  reconnect(cause: Error): void {
    this.connection.reconnect(cause)
  }

  async close(): Promise<void> {
    this.closed = true
    await this.connection.close()
  }

  /** The server may have given a token to the socket that is gone: everybody looks once. */
  private wakeAllAgain(): void {
    if (!this.wasReady) {
      this.wasReady = true
      return
    }
    this.ghostUntilMs = performance.now() + GHOST_MS
    this.wakeAll()
  }

  private wakeAll(): void {
    for (const listeners of [...this.listeners.values()]) {
      for (const listener of [...listeners]) listener()
    }
  }

  private async loop(): Promise<void> {
    this.looping = true
    let pauseMs = FIRST_PAUSE_MS
    while (!this.closed && this.listeners.size > 0) {
      const keys = [...this.listeners.keys(), this.pokeKey]
      this.blockedOn = new Set(keys)
      try {
        const mayBeGhost = performance.now() < this.ghostUntilMs
        const reply = await this.block(keys, mayBeGhost)
        pauseMs = FIRST_PAUSE_MS
        if (Array.isArray(reply)) this.deliver(String(reply[0]))
        else if (mayBeGhost) this.wakeAll()
      } catch (error) {
        // A token that went down with the socket is found by the consumer's own check. A server
        // that answers with an error may not be the one to ask any more.
        if (isReplyError(error)) this.connection.reconnect(error)
        if (!this.closed) await delay(pauseMs)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
      this.blockedOn = new Set()
    }
    this.looping = false
    if (this.closed) return
    this.onEnd()
    await this.close()
  }

  private block(keys: string[], briefly: boolean): Promise<unknown> {
    const seconds = briefly ? GHOST_BLOCK_SECONDS : LONGEST_BLOCK_SECONDS
    const deadlineMs = performance.now() + (seconds + 1) * 1000
    return this.connection.call('BZPOPMIN', [...keys, String(seconds)], deadlineMs)
  }

  private deliver(key: string): void {
    if (key === this.pokeKey) return
    const listeners = this.listeners.get(key)
    const [listener] = listeners ?? []
    if (!listeners || !listener) return this.ground.addToken(key)
    // To the end of the set: the next token goes to the next listener.
    listeners.delete(listener)
    listeners.add(listener)
    listener()
  }
}
