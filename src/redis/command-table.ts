import { ArgumentError } from '../errors.ts'
import { printable } from '../text.ts'
import type { ReadyCommand } from './command.ts'
import { CommandError } from './errors.ts'

/** What a server says about a command: how many words it has, and which of them are keys. */
export interface CommandShape {
  /** With the name. Negative: so many or more. */
  readonly arity: number
  /** Index of the first and last key, counted from the name as 0; 0 and 0 for none. */
  readonly firstKey: number
  readonly lastKey: number
  readonly step: number
  /** Only the server knows where all of its keys are. */
  readonly movable: boolean
  readonly isRead: boolean
  readonly subcommands: ReadonlyMap<string, CommandShape>
}

/** Asks a server something that has nothing to do with a key. */
type Ask = (command: string, args: readonly string[]) => Promise<unknown>

/** Their keys follow their count, which follows the code. */
const RUNS_CODE = new Set(['EVAL', 'EVAL_RO', 'EVALSHA', 'EVALSHA_RO', 'FCALL', 'FCALL_RO'])

/** What the servers know of commands, modules and all; each is asked about once. */
export class CommandTable {
  private readonly ask: Ask
  private readonly shapes = new Map<string, CommandShape | null>()
  /** The server does not tell its user: nothing can be checked here, it will do that itself. */
  private isSecret = false

  constructor(ask: Ask) {
    this.ask = ask
  }

  /** @throws {EngineUnavailableError} */
  async learn(commands: Iterable<ReadyCommand>): Promise<void> {
    const unknown = new Set<string>()
    for (const { name } of commands) if (!this.shapes.has(name)) unknown.add(name)
    if (unknown.size === 0 || this.isSecret) return
    const names = [...unknown]
    try {
      const reply = await this.ask('COMMAND', ['INFO', ...names])
      const told = Array.isArray(reply) ? reply : []
      for (const [at, name] of names.entries()) this.shapes.set(name, readShape(told[at]))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      this.isSecret = true
    }
  }

  /** Undefined if the server does not tell, null if it has no such command. */
  shapeOf({ name, args }: ReadyCommand): CommandShape | null | undefined {
    const shape = this.shapes.get(name)
    return shape?.subcommands.get((args[0] ?? '').toLowerCase()) ?? shape
  }

  /**
   * Whether the server has the command, and takes so many words.
   * @throws {ArgumentError}
   */
  check(command: ReadyCommand, argument: string): void {
    const shape = this.shapeOf(command)
    if (shape === undefined) return
    if (shape === null) {
      throw new ArgumentError(argument, 'a command that this Redis has', printable(command.name))
    }
    const words = command.args.length + 1
    const { arity } = shape
    if (arity < 0 ? words >= -arity : words === arity) return
    const expected = `${Math.abs(arity) - 1}${arity < 0 ? ' or more' : ''}`
    throw new ArgumentError(
      argument,
      `${printable(command.name)} with ${expected} arguments`,
      `${command.args.length}`,
    )
  }

  /** The key that decides which server gets the command; null if it has none. */
  firstKeyOf(command: ReadyCommand): string | null | Promise<string | null> {
    const { name, args } = command
    const shape = this.shapeOf(command)
    if (RUNS_CODE.has(name)) return Number(args[1]) > 0 ? (args[2] ?? null) : null
    if (shape && shape.firstKey > 0) return args[shape.firstKey - 1] ?? null
    if (shape?.movable) return this.askKeysOf(command).then(([key]) => key ?? null)
    // An unknown one gets its answer from the server of what is most likely a key.
    return shape ? null : (args[0] ?? null)
  }

  /** @throws {EngineUnavailableError} */
  async keysOf(command: ReadyCommand): Promise<string[]> {
    const { name, args } = command
    if (RUNS_CODE.has(name)) return args.slice(2, 2 + Number(args[1]))
    const shape = this.shapeOf(command)
    if (!shape) return args.slice(0, 1)
    if (shape.movable) return this.askKeysOf(command)
    if (shape.firstKey === 0) return []
    const last = shape.lastKey < 0 ? args.length + 1 + shape.lastKey : shape.lastKey
    const keys: string[] = []
    for (let at = shape.firstKey; at <= last; at += Math.max(1, shape.step)) {
      const key = args[at - 1]
      if (key !== undefined) keys.push(key)
    }
    return keys
  }

  private async askKeysOf({ name, args }: ReadyCommand): Promise<string[]> {
    try {
      const keys = await this.ask('COMMAND', ['GETKEYS', name, ...args])
      return Array.isArray(keys) ? keys.map(String) : []
    } catch (error) {
      // It has none, or is wrong in another way, which the server will say better.
      if (error instanceof CommandError) return []
      throw error
    }
  }
}

/** `[name, arity, flags, first, last, step, …, subcommands]`, the last one since Redis 7. */
function readShape(told: unknown): CommandShape | null {
  if (!Array.isArray(told)) return null
  const flags = Array.isArray(told[2]) ? told[2].map(String) : []
  const inner = Array.isArray(told[9]) ? told[9] : []
  const subcommands = new Map<string, CommandShape>()
  for (const one of inner) {
    const shape = readShape(one)
    const name = String((one as unknown[])[0]).split('|')[1]
    if (shape && name) subcommands.set(name.toLowerCase(), shape)
  }
  return {
    arity: Number(told[1]),
    firstKey: Number(told[3]),
    lastKey: Number(told[4]),
    step: Number(told[5]),
    movable: flags.includes('movablekeys'),
    isRead: flags.includes('readonly'),
    subcommands,
  }
}
