import { Connection, type ConnectionOptions } from './connection.ts'

/** A blocking pop lasts no longer than this: a socket that died in silence is found by then. */
const LONGEST_BLOCK_SECONDS = 5
const BLOCK_DEADLINE_MS = (LONGEST_BLOCK_SECONDS + 1) * 1000

/**
 * Waits for tokens on any number of keys with one blocked connection and no polling: a producer
 * adds a token to a sorted set, `BZPOPMIN` gives it to exactly one of those who wait.
 */
export class Tokens {
  private readonly connection: Connection
  private readonly listeners = new Map<string, Set<() => void>>()
  private readonly pokeKey: string
  private readonly poke: () => void
  private readonly giveBack: (key: string) => void
  private blockedOn: ReadonlySet<string> = new Set()
  private looping = false
  private closed = false

  constructor(
    options: ConnectionOptions,
    /** A key of this client alone; a token there ends the block early. */
    pokeKey: string,
    actions: { poke: () => void; giveBack: (key: string) => void },
  ) {
    this.connection = new Connection(options)
    this.pokeKey = pokeKey
    this.poke = actions.poke
    this.giveBack = actions.giveBack
  }

  /** Calls one listener of `key` back for each token got from it. Returns what stops it. */
  on(key: string, listener: () => void): () => void {
    const listeners = this.listeners.get(key) ?? new Set()
    listeners.add(listener)
    this.listeners.set(key, listeners)
    if (!this.looping) void this.loop()
    else if (this.blockedOn.size > 0 && !this.blockedOn.has(key)) this.poke()
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.listeners.get(key) === listeners) this.listeners.delete(key)
    }
  }

  async close(): Promise<void> {
    this.closed = true
    await this.connection.close()
  }

  private async loop(): Promise<void> {
    this.looping = true
    while (!this.closed && this.listeners.size > 0) {
      const keys = [...this.listeners.keys(), this.pokeKey]
      this.blockedOn = new Set(keys)
      try {
        const deadlineMs = performance.now() + BLOCK_DEADLINE_MS
        const reply = await this.connection.call(
          'BZPOPMIN',
          [...keys, String(LONGEST_BLOCK_SECONDS)],
          deadlineMs,
        )
        if (Array.isArray(reply)) this.deliver(String(reply[0]))
      } catch {
        // The supervisor reconnects; a token that went down with the socket is found by the
        // consumer's own check, and a refusing server must not be asked in a tight loop.
        if (!this.closed) await new Promise((resolve) => setTimeout(resolve, 100))
      }
      this.blockedOn = new Set()
    }
    this.looping = false
  }

  private deliver(key: string): void {
    if (key === this.pokeKey) return
    const listeners = this.listeners.get(key)
    const [listener] = listeners ?? []
    if (!listeners || !listener) return this.giveBack(key)
    // To the end of the set: the next token goes to the next listener.
    listeners.delete(listener)
    listeners.add(listener)
    listener()
  }
}
