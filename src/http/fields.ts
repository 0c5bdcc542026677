import type { Judgement, Policy } from './policies.ts'

/** A field of a response: its name and value. */
export type Field = readonly [name: string, value: string]

/** The largest Integer of a structured field (RFC 9651, section 3.3.1). */
const LARGEST_INTEGER = 999_999_999_999_999

/**
 * `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-11 of 23 May 2026,
 * the newest: Lists of Strings (RFC 9651), one for each policy, with their parameters.
 *
 * - `q` and `w` are what a policy allows in which window; `w` is left out under a second, which
 *   the draft cannot say.
 * - `r` and `t` are the units that are left, and for how many seconds that is all. After a refusal
 *   `t` ends when it pays to ask again, and only the policies that refused are listed, so that
 *   `Retry-After` never ends before `t` (section 6).
 *
 * Partition keys are left out: they would tell others who a client is.
 */
export function draftFields(judgements: readonly Judgement[], isCounted: boolean): Field[] {
  const policies = judgements.map(({ policy }) => policyItem(policy)).join(', ')
  if (!isCounted) return [['RateLimit-Policy', policies]]
  const refusals = judgements.filter(({ verdict }) => !verdict.allowed)
  const limits = (refusals.length > 0 ? refusals : judgements).map(limitItem).join(', ')
  return [
    ['RateLimit-Policy', policies],
    ['RateLimit', limits],
  ]
}

/** `X-RateLimit-*` as GitHub and many after it send them: the reset is in seconds since 1970. */
export function legacyFields(judgements: readonly Judgement[], nowMs: number): Field[] {
  const tightest = judgements.reduce((a, b) => (roomOf(b) < roomOf(a) ? b : a))
  const { policy, verdict } = tightest
  return [
    ['X-RateLimit-Limit', integer(policy.quota)],
    ['X-RateLimit-Remaining', integer(verdict.remaining)],
    ['X-RateLimit-Reset', wholeSeconds(nowMs + verdict.resetAfterMs)],
  ]
}

/**
 * Seconds for `Retry-After`: never too early, and spread, so that clients who were refused together
 * do not come back together.
 *
 * @param jitter the part of the wait that is added at most
 * @param random from 0 to 1: where this client is in the spread
 */
export function retryAfterSeconds(retryAfterMs: number, jitter: number, random: number): string {
  const jitterMs = Math.min(retryAfterMs * jitter, MOST_JITTER_MS) * random
  return wholeSeconds(Math.max(retryAfterMs + jitterMs, 1))
}

/** A tenth of a day would keep clients away who could be served. */
const MOST_JITTER_MS = 30_000

/** The name of a policy as a String of a structured field can hold it, which is ASCII. */
export const policyName = (name: string) =>
  name.replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character))

/** Fields that are lists: several limits on one path add to each other. */
const LISTS = new Set(['RateLimit', 'RateLimit-Policy'])

/** What a field becomes in a response that may have it already. */
export function joined([name, value]: Field, existing: unknown): string {
  const isListed = LISTS.has(name) && existing !== undefined && existing !== null
  return isListed ? `${existing}, ${value}` : value
}

function policyItem({ name, quota, windowMs }: Policy): string {
  const window = windowMs < 1000 ? '' : `;w=${wholeSeconds(windowMs)}`
  return `${string(name)};q=${integer(quota)}${window}`
}

function limitItem({ policy, verdict }: Judgement): string {
  const { allowed, remaining, retryAfterMs, resetAfterMs } = verdict
  const windowMs = allowed ? resetAfterMs : (retryAfterMs ?? resetAfterMs)
  return `${string(policy.name)};r=${integer(remaining)};t=${wholeSeconds(windowMs)}`
}

/** The part that is left, below every other one when there was not enough. */
const roomOf = ({ policy, verdict }: Judgement) =>
  verdict.allowed ? verdict.remaining / policy.quota : -1

const string = (name: string) => `"${policyName(name).replace(/["\\]/g, '\\$&')}"`
const integer = (value: number) => String(Math.min(LARGEST_INTEGER, Math.max(0, Math.floor(value))))
const wholeSeconds = (ms: number) => integer(Math.ceil(ms / 1000))
