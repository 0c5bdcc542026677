import type { RawClient } from './client.ts'

/**
 * A client whose server, or password, is only known once `find` has answered. Nothing is opened
 * before `connect`.
 */
export function lateClient(find: () => Promise<RawClient>): RawClient {
  let found: RawClient | null = null
  let destroyed = false
  let closeListener: (cause?: Error) => void = () => {}

  const connected = (): RawClient => {
    if (found) return found
    throw new Error('the client is not connected')
  }

  return {
    async connect() {
      const client = await find()
      if (destroyed) {
        client.destroy()
        throw new Error('the connection was closed')
      }
      found = client
      client.onClose((cause) => closeListener(cause))
      await client.connect()
    },
    send: (command, args) => connected().send(command, args),
    transmit: (...call) => connected().transmit(...call),
    isReply: (error) => found?.isReply(error) ?? false,
    subscribe: (channel, listener) => connected().subscribe(channel, listener),
    secrets: () => found?.secrets() ?? [],
    onClose(listener) {
      closeListener = listener
    },
    destroy() {
      destroyed = true
      found?.destroy()
    },
  }
}
