import { ServerReply } from '../engine/redis/failures.ts'
import type { ReadyCommand } from './command.ts'
import {
  CommandError,
  type CommandResult,
  TransactionAbortedError,
  TransactionPartialError,
  TransactionUnknownError,
} from './errors.ts'
import { asFailureOf, asReply } from './replies.ts'
import type { Session } from './session.ts'

/** Nothing was done, and another attempt may succeed. */
export class Again {
  /** What the server said, or how the connection ended; none if others changed the keys. */
  readonly cause: Error | undefined

  constructor(cause?: Error) {
    this.cause = cause
  }
}

/** The keys are on another server by now, or this one serves nothing at the moment. */
export const isElsewhere = (error: unknown): error is CommandError =>
  error instanceof CommandError && (error.retryable || /^(?:MOVED|ASK)$/.test(error.reply))

/**
 * Runs the queued commands on the session that watches, and tells what became of them.
 * @throws {TransactionAbortedError}
 * @throws {TransactionPartialError}
 * @throws {TransactionUnknownError}
 */
export async function commit(
  session: Session,
  keys: readonly string[],
  queued: readonly ReadyCommand[],
  timeoutMs: number,
): Promise<readonly unknown[] | Again> {
  // In one packet. Without EXEC, a server that has the rest forgets it with the connection.
  const begun = session.send('MULTI', [])
  const accepted = queued.map(({ name, args }) => session.send(name, args))
  const executed = session.send('EXEC', [], timeoutMs)
  const [multi, exec, ...accepts] = await Promise.allSettled([begun, executed, ...accepted])
  if (exec.status === 'rejected') {
    if (!(exec.reason instanceof CommandError)) throw new TransactionUnknownError(keys, exec.reason)
    if (multi.status === 'rejected') throw ranOneByOne(queued, accepts)
    return whyRefused(exec.reason, accepts)
  }
  if (!Array.isArray(exec.value)) return new Again()
  const results = exec.value.map((reply, at) => resultOf(queued[at]?.name ?? '', reply))
  if (results.some(({ ok }) => !ok)) throw new TransactionPartialError(results)
  return results.map((result) => result.ok && result.value)
}

function whyRefused(exec: CommandError, accepts: readonly PromiseSettledResult<unknown>[]): Again {
  const index = accepts.findIndex(({ status }) => status === 'rejected')
  const refused = accepts[index]
  const reason = refused?.status === 'rejected' ? refused.reason : exec
  if (isElsewhere(reason)) return new Again(reason)
  throw new TransactionAbortedError(index < 0 ? null : index, reason)
}

/** MULTI itself was refused, by a change of rights just now. What came behind it ran all the same. */
function ranOneByOne(
  queued: readonly ReadyCommand[],
  accepts: readonly PromiseSettledResult<unknown>[],
): TransactionPartialError {
  return new TransactionPartialError(
    accepts.map((one, at) =>
      one.status === 'fulfilled'
        ? { ok: true, value: asReply(queued[at]?.name ?? '', one.value) }
        : { ok: false, error: one.reason, outcome: one.reason.outcome ?? 'unknown' },
    ),
  )
}

function resultOf(command: string, reply: unknown): CommandResult {
  if (!(reply instanceof Error)) return { ok: true, value: asReply(command, reply) }
  const error = asFailureOf(command, new ServerReply(reply.message)) as CommandError
  return { ok: false, error, outcome: error.outcome ?? 'unknown' }
}
