import type { RawClient } from './client.ts'
import { Connection, type ConnectionOptions } from './connection.ts'

/**
 * The one channel on which other clients reach this one. Messages are hints: whoever relies on them
 * asks again when `onDoubt` says that some may have been missed.
 */
export class Inbox {
  private readonly connection: Connection
  private readonly messageListeners = new Map<string, (text: string) => void>()
  private readonly doubtListeners = new Set<() => void>()

  constructor(channel: string, options: Omit<ConnectionOptions, 'prepare'>) {
    this.connection = new Connection({
      ...options,
      prepare: (client) => this.subscribe(client, channel),
    })
  }

  /** Messages are `topic text`; one listener a topic. They come once it was started. */
  on(topic: string, listener: (text: string) => void): void {
    this.messageListeners.set(topic, listener)
  }

  /** Connects, if it has not: whoever is about to wait for a message calls this first. */
  start(): void {
    this.connection.start()
  }

  onDoubt(listener: () => void): () => void {
    this.doubtListeners.add(listener)
    return () => this.doubtListeners.delete(listener)
  }

  /** The socket may be as dead as another to the same server was. */
  reconnect(cause: Error): void {
    this.connection.reconnect(cause)
  }

  close(): Promise<void> {
    return this.connection.close()
  }

  private async subscribe(client: RawClient, channel: string): Promise<void> {
    await client.subscribe(channel, (message) => {
      const space = message.indexOf(' ')
      this.messageListeners.get(message.slice(0, space))?.(message.slice(space + 1))
    })
    for (const listener of this.doubtListeners) listener()
  }
}
