import type { Context, MiddlewareHandler } from 'hono'
import type { Peer } from './client.ts'
import { createDecider } from './decide.ts'
import { type Field, joined } from './fields.ts'
import { holdDuring, holdWhileRead, type NodeResponse } from './hold.ts'
import type { RateLimitOptions } from './options.ts'

export type { Clients } from './guest-list.ts'
export type { RateLimitOptions } from './options.ts'

/** What `@hono/node-server` puts into `c.env`, or into `c.env.server` beside other bindings. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
  readonly outgoing?: NodeResponse
  readonly server?: NodeBindings
}

/** The answer to an upgrade has no fields to add to, and may not be copied. */
const SWITCHING_PROTOCOLS = 101

/**
 * A middleware for hono: takes one unit of the limiter for each request, and answers 429 when it
 * is refused. An error of the limiter goes to `app.onError`. Servers other than
 * `@hono/node-server` say who asks by `address: (c) => getConnInfo(c).remote.address`.
 *
 * @throws {ArgumentError}
 */
export function rateLimit(options: RateLimitOptions<Context>): MiddlewareHandler {
  const decide = createDecider(options)
  return async (context, next) => {
    const { fields, refusal, lease } = await decide(context, peerOf(context))
    if (refusal !== undefined) {
      setFields(context, fields)
      return context.body(refusal.body, refusal.status)
    }
    const { outgoing } = bindingsOf(context)
    if (outgoing) holdDuring(lease, outgoing)
    await next()
    // Not before: a handler that returns a Response of its own would lose them.
    if (context.res.status !== SWITCHING_PROTOCOLS) setFields(context, fields)
    if (lease && !outgoing) context.res = holdWhileRead(lease, context.res)
  }
}

function setFields(context: Context, fields: readonly Field[]): void {
  for (const field of fields) {
    const existing = context.finalized ? context.res.headers.get(field[0]) : undefined
    context.header(field[0], joined(field, existing))
  }
}

function bindingsOf(context: Context): NodeBindings {
  const bindings = context.env as NodeBindings | undefined
  return bindings?.server ?? bindings ?? {}
}

function peerOf(context: Context): Peer {
  return {
    address: bindingsOf(context).incoming?.socket?.remoteAddress,
    field: (name) => context.req.header(name),
  }
}
