import { peerOf, type ServerRequest } from './client.ts'
import { createDecider } from './decide.ts'
import { joined } from './fields.ts'
import { holdDuring, type NodeResponse } from './hold.ts'
import type { RateLimitOptions } from './options.ts'

export type { Clients } from './guest-list.ts'
export type { RateLimitOptions } from './options.ts'

/** What is used of a request of fastify. */
export interface HookRequest {
  readonly raw: ServerRequest
}

/** What is used of a reply of fastify. */
export interface HookReply {
  readonly raw: NodeResponse
  readonly sent: boolean
  getHeader(name: string): unknown
  header(name: string, value: string): unknown
  code(status: number): unknown
  send(body: string): unknown
}

/** Resolves to the reply when it has been sent, which is how fastify knows to stop. */
export type FastifyHook<Request> = (request: Request, reply: HookReply) => Promise<unknown>

/** What is used of an instance of fastify. */
export interface HookTarget<Request> {
  addHook(name: 'onRequest', hook: FastifyHook<Request>): unknown
}

/** Makes `register` put the hook on the instance itself, and not on a child of its own. */
const SKIP_OVERRIDE = Symbol.for('skip-override')
const DISPLAY_NAME = Symbol.for('fastify.display-name')

/**
 * A plugin for fastify: takes one unit of the limiter for each request to the instance that it is
 * registered on, and to its children, and answers 429 when it is refused. An error of the limiter
 * goes to the error handler.
 *
 * @throws {ArgumentError}
 */
export function rateLimit<Request extends HookRequest = HookRequest>(
  options: RateLimitOptions<Request>,
): (instance: HookTarget<Request>) => Promise<void> {
  const hook = rateLimitHook(options)
  const plugin = async (instance: HookTarget<Request>) => {
    instance.addHook('onRequest', hook)
  }
  return Object.assign(plugin, { [SKIP_OVERRIDE]: true, [DISPLAY_NAME]: 'sluice/fastify' })
}

/**
 * The same as a hook, for a single route or for a later stage: `{ onRequest: rateLimitHook(…) }`,
 * or `preHandler` where the key needs what was parsed.
 *
 * @throws {ArgumentError}
 */
export function rateLimitHook<Request extends HookRequest = HookRequest>(
  options: RateLimitOptions<Request>,
): FastifyHook<NoInfer<Request>> {
  const decide = createDecider(options)
  return async (request, reply) => {
    const { fields, refusal, lease } = await decide(request, peerOf(request.raw))
    holdDuring(lease, reply.raw)
    // Something else, such as a time-out, may have answered meanwhile.
    if (reply.sent) return reply
    for (const field of fields) reply.header(field[0], joined(field, reply.getHeader(field[0])))
    if (refusal === undefined) return undefined
    reply.code(refusal.status)
    reply.send(refusal.body)
    return reply
  }
}
