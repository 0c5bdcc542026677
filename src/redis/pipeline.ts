import type { Call } from '../engine/redis/call-line.ts'
import { ArgumentError, type Outcome, SluiceError } from '../errors.ts'
import { abortSignal, count, oneOf, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { type RedisConnections, type RedisTarget, withRedis } from './client.ts'
import { type Command, type ReadyCommand, readCommand } from './command.ts'
import { type CommandResult, PipelineError } from './errors.ts'
import { asFailureOf, asReply } from './replies.ts'
import type { ReplyOf } from './reply-types.ts'

export interface PipelineOptions {
  /**
   * `'settle'` tells of each command whether it succeeded. `'throw'` gives the values, and rejects
   * with a {@link PipelineError} if any failed, after all have ended. Defaults to `'settle'`.
   */
  mode?: 'settle' | 'throw'
  /** How many commands are under way at one time, 1 to 10,000. Defaults to 1,000. */
  chunk?: number
  /**
   * How many bytes of commands are under way at one time, 1 KiB to 512 MiB. A command that is
   * larger travels alone. Defaults to 4 MiB.
   */
  maxBytes?: number
  /** Stops the pipeline: what was not sent is `not-applied`, what was not answered is `unknown`. */
  signal?: AbortSignal
}

/** A result for each command, with the type of its answer. */
export type PipelineResults<Commands extends readonly Command[]> = {
  -readonly [Index in keyof Commands]: CommandResult<ReplyOf<Commands[Index][0]>>
}

/** An answer for each command. */
export type PipelineValues<Commands extends readonly Command[]> = {
  -readonly [Index in keyof Commands]: ReplyOf<Commands[Index][0]>
}

const pipelineOptions = {
  mode: withDefault(oneOf('settle', 'throw'), 'settle'),
  chunk: withDefault(count(1, 10_000), 1_000),
  maxBytes: withDefault(count(1_024, 512 * 1_024 * 1_024), 4 * 1_024 * 1_024),
  signal: withDefault(abortSignal, undefined),
}

/**
 * Sends commands without waiting for the answer of one before the next is sent, and keeps every
 * answer: at its place, whatever becomes of the others. Not atomic: others come in between, and an
 * error undoes nothing.
 *
 * On a cluster each command goes to the server of its key, and follows the key if its slot moves.
 * Commands for one server run in their order; while a slot moves, one may overtake another.
 * A command that got no answer by the `commandTimeout` is `unknown`, and is never sent again.
 *
 * @throws {ArgumentError} before anything is sent
 * @throws {PipelineError} in mode `'throw'`
 */
export function pipeline<const Commands extends readonly Command[]>(
  redis: RedisTarget,
  commands: Commands,
  options: PipelineOptions & { mode: 'throw' },
): Promise<PipelineValues<Commands>>
export function pipeline<const Commands extends readonly Command[]>(
  redis: RedisTarget,
  commands: Commands,
  options?: PipelineOptions & { mode?: 'settle' },
): Promise<PipelineResults<Commands>>
export async function pipeline(
  redis: RedisTarget,
  commands: readonly Command[],
  options?: PipelineOptions,
): Promise<unknown> {
  const read = readOptions('pipeline', options, pipelineOptions)
  if (!Array.isArray(commands)) {
    throw new ArgumentError('pipeline.commands', 'an array of commands', describe(commands))
  }
  const ready: ReadyCommand[] = []
  for (let at = 0; at < commands.length; at++) {
    ready.push(readCommand(commands[at], 'pipeline.commands', at))
  }
  read.signal?.throwIfAborted()
  const results = await withRedis(redis, 'pipeline.redis', (connections) =>
    sendAll(connections, ready, read),
  )
  if (read.mode === 'settle') return results
  return results.map((result) => {
    if (result.ok) return result.value
    throw new PipelineError(results)
  })
}

interface Limits {
  chunk: number
  maxBytes: number
  signal: AbortSignal | undefined
}

async function sendAll(
  redis: RedisConnections,
  commands: readonly ReadyCommand[],
  { chunk, maxBytes, signal }: Limits,
): Promise<CommandResult[]> {
  const groups = await groupsOf(redis, commands)
  const results = new Array<CommandResult>(commands.length)
  for (let from = 0; from < commands.length; ) {
    if (signal?.aborted) return results.fill(failed(signal.reason, 'not-applied'), from)
    const to = endOfChunk(commands, from, chunk, maxBytes)
    await sendChunk(redis, { commands, groups, results, from, to, signal })
    from = to
  }
  return results
}

/** No key of its own, and any server will do. */
const FOR_ANY_SERVER = new Set(['ECHO', 'PING', 'PUBLISH', 'TIME'])

/** Which servers they go to. Who asks for what each server has alone would get one of the answers. */
async function groupsOf(
  { isCluster, servers, commands: table }: RedisConnections,
  commands: readonly ReadyCommand[],
): Promise<readonly number[]> {
  if (!isCluster) return commands.map(() => 0)
  await table.learn(commands)
  const keys = commands.map((command) => table.firstKeyOf(command))
  const known = keys.some((key) => key instanceof Promise) ? await Promise.all(keys) : keys
  return commands.map((command, at) => {
    const key = known[at] as string | null
    if (key !== null || FOR_ANY_SERVER.has(command.name)) return servers.groupOf(key ?? '')
    throw new ArgumentError(
      `pipeline.commands[${at}]`,
      'a command with a key, which says where in the cluster it goes',
      command.name,
      'Send it to each server with a client of your own.',
    )
  })
}

/** In a protocol message, beside its text. */
const BYTES_BESIDE_ARGUMENT = 16
/** Of one UTF-16 code unit. */
const MOST_BYTES = 3

function endOfChunk(
  commands: readonly ReadyCommand[],
  from: number,
  chunk: number,
  maxBytes: number,
): number {
  const end = Math.min(commands.length, from + chunk)
  // Counting bytes costs as much as sending a short command: only where it may matter.
  const atMost = (text: string) => text.length * MOST_BYTES
  const boundedEnd = endWithin(commands, from, end, maxBytes, atMost)
  return boundedEnd === end ? end : endWithin(commands, from, end, maxBytes, Buffer.byteLength)
}

/** As many commands as fit, and at least one. */
function endWithin(
  commands: readonly ReadyCommand[],
  from: number,
  end: number,
  maxBytes: number,
  lengthOf: (text: string) => number,
): number {
  let bytes = 0
  for (let at = from; at < end; at++) {
    const { args } = commands[at] as ReadyCommand
    for (const arg of args) bytes += lengthOf(arg) + BYTES_BESIDE_ARGUMENT
    if (bytes > maxBytes && at > from) return at
  }
  return end
}

interface Chunk {
  commands: readonly ReadyCommand[]
  groups: readonly number[]
  results: CommandResult[]
  from: number
  to: number
  signal: AbortSignal | undefined
}

type Settle = (at: number, result: CommandResult) => void

/** A command under way. What it has in common with the others is made once for all of them. */
class PipelineCall implements Call {
  readonly command: string
  readonly args: string[]
  readonly deadlineMs: number
  readonly asking = false
  sent = false
  settled = false
  private readonly at: number
  private readonly settle: Settle

  constructor({ name, args }: ReadyCommand, deadlineMs: number, at: number, settle: Settle) {
    this.command = name
    this.args = args
    this.deadlineMs = deadlineMs
    this.at = at
    this.settle = settle
  }

  resolve(reply: unknown): void {
    this.settle(this.at, { ok: true, value: asReply(this.command, reply) })
  }

  reject(error: unknown): void {
    this.settle(this.at, failed(asFailureOf(this.command, error), 'unknown'))
  }
}

/** Sends all of it in one tick. Resolves when each has its result, and never rejects. */
function sendChunk(
  { servers, commandTimeoutMs }: RedisConnections,
  { commands, groups, results, from, to, signal }: Chunk,
): Promise<void> {
  return new Promise((resolve) => {
    const deadlineMs = performance.now() + commandTimeoutMs
    let open = to - from
    const settle = (at: number, result: CommandResult) => {
      if (results[at]) return
      results[at] = result
      if (--open > 0) return
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }
    const giveUp = () => {
      for (let at = from; at < to; at++) settle(at, failed(signal?.reason, 'unknown'))
    }
    signal?.addEventListener('abort', giveUp)
    for (let at = from; at < to; at++) {
      const command = commands[at] as ReadyCommand
      servers.take(groups[at] ?? 0, new PipelineCall(command, deadlineMs, at, settle))
    }
  })
}

function failed(reason: unknown, otherwise: Outcome): CommandResult {
  const error = reason instanceof Error ? reason : new Error(String(reason))
  const outcome = error instanceof SluiceError ? (error.outcome ?? otherwise) : otherwise
  return { ok: false, error, outcome }
}
