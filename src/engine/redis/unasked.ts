import type { Duplex } from 'node:stream'

interface Reader {
  readonly stream?: Duplex
  readonly commandQueue?: { shift(): unknown }
}

/** Bounds what one packet of nonsense can be asked for: the library empties the queue by a loop. */
const MOST_IN_A_PACKET = 1_000

/** What the library takes for a call that waits for an answer. */
const nobody = () => ({ command: { name: 'ping', args: [], resolve() {}, reject() {} } })

/**
 * An answer that nobody asked for, seen with a null among random bytes, makes ioredis 5 and 6 throw
 * where no caller can catch it, which ends the process. Here it ends the socket instead: while a
 * packet is read, the queue of calls gives somebody to answer, and the failure is told.
 */
export function endOnUnasked({ stream, commandQueue }: Reader, tell: (error: Error) => void): void {
  if (!stream || !commandQueue) return
  const take = commandQueue.shift
  let spare = 0
  commandQueue.shift = () => {
    const call: unknown = take.call(commandQueue)
    if (call || spare === 0) return call
    spare--
    tell(new Error('what answers there is not Redis: it answered what nobody asked'))
    stream.destroy()
    return nobody()
  }
  for (const read of stream.listeners('data')) {
    const listener = read as (chunk: Buffer) => void
    stream.off('data', listener)
    stream.on('data', (chunk: Buffer) => {
      spare = MOST_IN_A_PACKET
      listener.call(stream, chunk)
      spare = 0
    })
  }
}
