/** A limiter with a `concurrency` rule lets requests in with a lease, for as long as each is answered. */
import type { LimitLease } from '../limit/index.ts'

/** What is used of a response of `node:http`. */
export interface NodeResponse {
  readonly closed?: boolean
  once(event: 'close' | 'finish', listener: () => void): unknown
}

/** What cannot be given back now ends by itself: the request is not failed for it. */
const giveBack = (lease: LimitLease) => void lease.release().catch(() => {})

/** Gives the lease back when the response has been sent, or the client has hung up. */
export function holdDuring(lease: LimitLease | undefined, response: NodeResponse): void {
  if (lease === undefined) return
  if (response.closed) return giveBack(lease)
  let isOver = false
  const end = () => {
    if (!isOver) giveBack(lease)
    isOver = true
  }
  response.once('finish', end)
  response.once('close', end)
}

/** The same for a response that is a stream: when it was read to its end, or is given up. */
export function holdWhileRead(lease: LimitLease, response: Response): Response {
  if (response.body === null) {
    giveBack(lease)
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        giveBack(lease)
        controller.close()
      } catch (error) {
        giveBack(lease)
        controller.error(error)
      }
    },
    async cancel(reason) {
      giveBack(lease)
      await reader.cancel(reason)
    },
  })
  return new Response(body, response)
}
