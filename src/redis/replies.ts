import { isNotNow, isReplyError } from '../engine/redis/failures.ts'
import { ClosedError } from '../errors.ts'
import { CommandError } from './errors.ts'

/**
 * The answer as RESP2 has it, but for HGETALL, which every library makes an object of: the same one
 * here, whichever library the connection is of.
 */
export function asReply(command: string, reply: unknown): unknown {
  if (!Array.isArray(reply) || command.toUpperCase() !== 'HGETALL') return reply
  const pairs = new Map<string, unknown>()
  for (let at = 0; at < reply.length; at += 2) pairs.set(String(reply[at]), reply[at + 1])
  return Object.fromEntries(pairs)
}

/** A script may have written something before it failed. */
const RUNS_CODE = /^(?:EVAL|EVALSHA|FCALL)$/i

/** What a call was rejected with, as the user should see it. */
export function asFailureOf(command: string, error: unknown): unknown {
  if (isReplyError(error)) {
    const { message } = error
    const isRefusal = /^(?:NOSCRIPT|NOPERM|OOM|READONLY)\b/.test(message) || isNotNow(message)
    return new CommandError(command, message, {
      outcome: RUNS_CODE.test(command) && !isRefusal ? 'unknown' : 'not-applied',
      retryable: isNotNow(message),
    })
  }
  if (error instanceof ClosedError) {
    return new ClosedError('This Redis', error.outcome, 'openRedis()')
  }
  return error
}
