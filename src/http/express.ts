import { peerOf, type ServerRequest } from './client.ts'
import { createDecider } from './decide.ts'
import { joined } from './fields.ts'
import { holdDuring, type NodeResponse } from './hold.ts'
import type { RateLimitOptions } from './options.ts'

export type { ServerRequest } from './client.ts'
export type { Clients } from './guest-list.ts'
export type { RateLimitOptions } from './options.ts'

/** What is used of a response. */
export interface ServerReply extends NodeResponse {
  readonly headersSent: boolean
  statusCode: number
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/**
 * A middleware for express 4 and 5, and for all that calls `(request, response, next)`: takes one
 * unit of the limiter for each request, and answers 429 when it is refused. An error of the
 * limiter goes to `next`.
 *
 * @throws {ArgumentError}
 */
export function rateLimit<Request extends ServerRequest = ServerRequest>(
  options: RateLimitOptions<Request>,
): (request: Request, response: ServerReply, next: (error?: unknown) => void) => void {
  const decide = createDecider(options)

  async function admit(request: Request, response: ServerReply): Promise<boolean> {
    const { fields, refusal, lease } = await decide(request, peerOf(request))
    holdDuring(lease, response)
    // Something else, such as a time-out, may have answered meanwhile.
    if (response.headersSent) return refusal === undefined
    for (const field of fields) {
      response.setHeader(field[0], joined(field, response.getHeader(field[0])))
    }
    if (refusal === undefined) return true
    response.statusCode = refusal.status
    response.end(refusal.body)
    return false
  }

  return (request, response, next) => {
    void admit(request, response).then((isAdmitted) => isAdmitted && next(), next)
  }
}
