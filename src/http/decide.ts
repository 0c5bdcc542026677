import type { LimitLease } from '../limit/index.ts'
import { flag, readName, withDefault } from '../options.ts'
import { type Address, addressKey } from './address.ts'
import { clientOf, type Peer, proxyWatch, requireAddress } from './client.ts'
import { draftFields, type Field, legacyFields, retryAfterSeconds } from './fields.ts'
import {
  type CheckedOptions,
  type RateLimitOptions,
  readRateLimitOptions,
  requestCost,
} from './options.ts'
import { judgementsOf } from './policies.ts'
import { forbidden, quotaExceeded, type Refusal, reducedCapacity } from './refusal.ts'

/** What becomes of a request: it goes on, its response with these fields, or it is refused. */
export interface Decision {
  readonly fields: readonly Field[]
  readonly refusal: Refusal | undefined
  /** Of a limiter with a `concurrency` rule: to be given back when the response is over. */
  readonly lease?: LimitLease | undefined
}

/** Rejects when the limiter does: whether that lets requests through is the limiter's to say. */
export type Decide<Request> = (request: Request, peer: Peer) => Promise<Decision>

const untouched: Decision = { refusal: undefined, fields: [] }
const refuse = (refusal: Refusal): Decision => ({ refusal, fields: refusal.fields })
const isSkipped = withDefault(flag, false)

/**
 * What all frameworks share.
 * @throws {ArgumentError}
 */
export function createDecider<Request>(given: RateLimitOptions<Request>): Decide<Request> {
  const options = readRateLimitOptions(given)
  const { allow, deny, ipv6Subnet } = options
  const watch = proxyWatch(options.key === undefined ? options.proxy : { hops: 0, header: '' })

  return async (request, socketPeer) => {
    // Before anything is awaited: a socket forgets its address when the client hangs up.
    const peer = options.address ? { ...socketPeer, address: options.address(request) } : socketPeer
    const client = clientOf(peer, options.proxy)
    watch(peer)
    if (isSkipped(await options.skip?.(request), 'rateLimit.skip()')) return untouched
    if (isOn(deny, client)) return refuse(forbidden)
    if (isOn(allow, client)) return untouched
    const key = options.key
      ? readName(await options.key(request), 'rateLimit.key()')
      : addressKey(requireAddress(client), ipv6Subnet)
    if (deny.hasKey(key)) return refuse(forbidden)
    if (allow.hasKey(key)) return untouched
    const cost = await costOf(options, request)
    return cost === 0 ? untouched : take(options, key, cost)
  }
}

const isOn = (list: CheckedOptions<never>['allow'], client: Address | undefined) =>
  list.needsAddress && list.hasAddress(requireAddress(client))

async function costOf<Request>(options: CheckedOptions<Request>, request: Request) {
  const { cost = 1 } = options
  return typeof cost === 'number' ? cost : requestCost(await cost(request), 'rateLimit.cost()')
}

async function take<Request>(
  { limiter, headers, legacyHeaders, retryJitter }: CheckedOptions<Request>,
  key: string,
  cost: number,
): Promise<Decision> {
  const verdict = await limiter.take(key, { cost })
  const { allowed, retryAfterMs, degraded, lease } = verdict
  const judgements = judgementsOf(limiter, verdict)
  const fields: Field[] = []
  if (headers === 'draft-11') fields.push(...draftFields(judgements, !degraded))
  if (legacyHeaders && !degraded) fields.push(...legacyFields(judgements, Date.now()))
  if (allowed) return { refusal: undefined, fields, lease }
  if (retryAfterMs !== null) {
    const seconds = retryAfterSeconds(retryAfterMs, retryJitter, Math.random())
    fields.push(['Retry-After', seconds])
  }
  return refuse((degraded ? reducedCapacity : quotaExceeded)(judgements, fields))
}
