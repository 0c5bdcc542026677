import { peerOf, type ServerRequest } from './client.ts'
import { createDecider } from './decide.ts'
import { joined } from './fields.ts'
import { holdDuring, type NodeResponse } from './hold.ts'
import type { RateLimitOptions } from './options.ts'

export type { Clients } from './guest-list.ts'
export type { RateLimitOptions } from './options.ts'

/** What is used of a context of koa. */
export interface KoaContext {
  readonly req: ServerRequest
  readonly res: NodeResponse
  readonly response: { get(name: string): string }
  status: number
  body: unknown
  set(name: string, value: string): void
}

/**
 * A middleware for koa: takes one unit of the limiter for each request, and answers 429 when it is
 * refused. An error of the limiter is thrown, as by any middleware.
 *
 * @throws {ArgumentError}
 */
export function rateLimit<Context extends KoaContext = KoaContext>(
  options: RateLimitOptions<Context>,
): (context: Context, next: () => Promise<unknown>) => Promise<void> {
  const decide = createDecider(options)
  return async (context, next) => {
    const { fields, refusal, lease } = await decide(context, peerOf(context.req))
    holdDuring(lease, context.res)
    for (const field of fields) {
      context.set(field[0], joined(field, context.response.get(field[0]) || undefined))
    }
    if (refusal === undefined) {
      await next()
      return
    }
    context.status = refusal.status
    context.body = refusal.body
  }
}
