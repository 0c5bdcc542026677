import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'

/** A command of Redis: its name, then its arguments. Numbers are sent as text. */
export type Command = readonly [name: string, ...args: (string | number)[]]

/** A command that can be sent. */
export interface ReadyCommand {
  /** In upper case. */
  readonly name: string
  readonly args: string[]
}

const NAME = /^[a-z_][\w.-]{0,63}$/i
const EXPECTED = "an array like ['SET', 'key', 'value']"

/** What these change, or wait for, is the connection itself, which others use too. */
const OF_THE_CONNECTION = new Set(
  `AUTH HELLO SELECT QUIT RESET MONITOR SYNC PSYNC ASKING READONLY READWRITE
  SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE`.split(/\s+/),
)
const OF_TRANSACTIONS = new Set(['MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH'])
const BLOCKING = new Set(
  `BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF`.split(/\s+/),
)
const READS_STREAMS = new Set(['XREAD', 'XREADGROUP'])
/** What one look tells to be none of these is sent: nearly everything is. */
const LOOKED_AT = new Set([
  ...[...OF_THE_CONNECTION, ...OF_TRANSACTIONS, ...BLOCKING, ...READS_STREAMS],
  'CLIENT',
])
/** The others of CLIENT ask, or are about other connections. */
const CHANGES_CLIENT = new Set(['REPLY', 'TRACKING', 'CACHING', 'SETNAME', 'NO-EVICT', 'NO-TOUCH'])

/**
 * Reads what the user wants sent, and refuses what would take the connection away from others. `at`
 * is its place in a list: the argument's name is made of it when something is wrong, and not before.
 * @throws {ArgumentError}
 */
export function readCommand(value: unknown, argument: string, at?: number): ReadyCommand {
  const command = asCommand(value)
  if (command && !LOOKED_AT.has(command.name)) return command
  const place = at === undefined ? argument : `${argument}[${at}]`
  if (!command) throw whyNone(value, place)
  refuseOfConnection(command, place)
  return command
}

/** Null if it is none. */
function asCommand(value: unknown): ReadyCommand | null {
  if (!Array.isArray(value) || !isName(value[0])) return null
  const args = new Array<string>(value.length - 1)
  for (let at = 1; at < value.length; at++) {
    const arg = asArgument(value[at])
    if (arg === null) return null
    args[at - 1] = arg
  }
  return { name: value[0].toUpperCase(), args }
}

/** Text that arrives as it is: with half of a pair of surrogates it would be another one. */
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && (value as WellFormable).isWellFormed()

/** The types of the language are older than Node here. */
type WellFormable = string & { isWellFormed(): boolean }

const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)

/** Null if it cannot be sent as it is. */
function asArgument(value: unknown): string | null {
  if (isText(value)) return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : null
}

function whyNone(value: unknown, place: string): ArgumentError {
  if (!Array.isArray(value)) return new ArgumentError(place, EXPECTED, describe(value))
  const [name] = value
  if (!isName(name)) {
    const expected = `the name of a command, as in ${EXPECTED}`
    return new ArgumentError(`${place}[0]`, expected, describe(name))
  }
  const at = value.findIndex((arg, index) => index > 0 && asArgument(arg) === null)
  const arg: unknown = value[at]
  const hint = Buffer.isBuffer(arg)
    ? 'Bytes that are no text go through the client itself.'
    : 'Write everything else as text first.'
  return new ArgumentError(`${place}[${at}]`, 'text or a finite number', describe(arg), hint)
}

function refuseOfConnection({ name, args }: ReadyCommand, argument: string): void {
  const refuse = (expected: string, hint: string): never => {
    throw new ArgumentError(argument, expected, name, hint)
  }
  if (OF_TRANSACTIONS.has(name)) {
    refuse('no part of MULTI and EXEC', 'Use transaction(redis, keys, callback).')
  }
  const changesClient = name === 'CLIENT' && CHANGES_CLIENT.has(args[0]?.toUpperCase() ?? '')
  if (OF_THE_CONNECTION.has(name) || changesClient) {
    refuse(
      'a command that leaves the connection as it is',
      'Others send on the same one. Use a client of your own for it.',
    )
  }
  if (BLOCKING.has(name) || (READS_STREAMS.has(name) && blocks(args))) {
    refuse(
      'a command that does not block',
      'It would hold up what is behind it. Use a client of your own for it, or the command without the wait.',
    )
  }
}

/** Behind STREAMS there are only keys and ids. */
function blocks(args: readonly string[]): boolean {
  const words = args.map((arg) => arg.toUpperCase())
  const end = words.indexOf('STREAMS')
  return words.slice(0, end < 0 ? words.length : end).includes('BLOCK')
}
