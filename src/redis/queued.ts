import { ArgumentError } from '../errors.ts'
import type { Command } from './command.ts'
import type { ReplyOf } from './reply-types.ts'

declare const reply: unique symbol

/** A write that waits for EXEC. Return it from the callback, and its answer stands in its place. */
export class Queued<Reply = unknown> {
  declare readonly [reply]?: Reply
  /** Its place among the queued commands. */
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/** What a transaction resolves to: the callback's value, with answers for queued writes. */
export type Resolved<Value> =
  Value extends Queued<infer Reply>
    ? Reply
    : Value extends readonly unknown[]
      ? {
          -readonly [Index in keyof Value]: Value[Index] extends Queued<infer Reply>
            ? Reply
            : Value[Index]
        }
      : Value

/** What the callback of a transaction gets. It is of use until the callback has ended. */
export interface Transaction {
  /** 1 for the first run of the callback, 2 after the first conflict, and so on. */
  readonly attempt: number
  /**
   * Reads now. Only the keys of the transaction: nothing would notice a change of others.
   * @throws {ArgumentError} for a command that writes, or reads other keys
   * @throws {CommandError}
   */
  read<const Words extends Command>(...command: Words): Promise<ReplyOf<Words[0]>>
  /**
   * Queues a command for EXEC, after which all of them run with nothing in between.
   * @throws {ArgumentError}
   */
  queue<const Words extends Command>(...command: Words): Queued<ReplyOf<Words[0]>>
  /** Ends the transaction without writing anything. Return its answer, which is `value`. */
  discard(): null
  discard<Value>(value: Value): Value
}

/** Puts answers into the place of queued writes. */
export function resolveQueued<Value>(value: Value, answerOf: (index: number) => unknown) {
  const resolve = (one: unknown) => (one instanceof Queued ? answerOf(one.index) : one)
  return (Array.isArray(value) ? value.map(resolve) : resolve(value)) as Resolved<Value>
}

/** After a discard there are no answers. */
export function resolveDiscarded<Value>(value: Value): Resolved<Value> {
  return resolveQueued(value, () => {
    throw new ArgumentError(
      'transaction.callback',
      'a callback that returns no queued write after tx.discard()',
      'one',
      'Write: return tx.discard(value).',
    )
  })
}
