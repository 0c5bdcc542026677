/** What anything but a Redis answers to PING, if it answers at all. */
export function refuseStranger(pong: unknown): void {
  if (String(pong) !== 'PONG') throw new Error('what answers there is not Redis')
}

/** All that a connection needs of a Redis client. One object serves one socket, once. */
export interface RawClient {
  /** TCP, TLS, authentication, database and a first PING; rejects if any of it fails. */
  connect(): Promise<void>
  send(command: string, args: string[]): Promise<unknown>
  /** The same without a promise of our own: what is sent all the time would pay for it. */
  transmit(
    command: string,
    args: string[],
    answered: (reply: unknown) => void,
    failed: (error: unknown) => void,
  ): void
  /** Whether what `send` rejected with is an answer of the server, and no loss of the socket. */
  isReply(error: Error): boolean
  subscribe(channel: string, listener: (message: string) => void): Promise<void>
  /** Called once when the socket is gone, whoever closed it. */
  onClose(listener: (cause?: Error) => void): void
  /** What must not reach a message: its password. */
  secrets(): readonly string[]
  /** Closes the socket at once, whatever state it is in. */
  destroy(): void
}
