import { InternalError } from '../../errors.ts'

type FieldType =
  | 'string'
  | 'digits'
  | 'numeral'
  | 'integer'
  | 'number'
  | 'integer?'
  | 'strings'
  | 'integers'
type ArgumentSpec =
  | readonly [name: string, type: FieldType]
  | readonly [name: string, type: 'list', fields: readonly string[]]

/**
 * What the engine says once a call: who it is, where grants are sent to, whether PUBLISH counts all who
 * listen, and the highest fence that it has seen.
 */
export type Fact = 'self' | 'inbox' | 'counted' | 'floor'
export type Facts = Readonly<Record<Fact, string>>

/**
 * A Lua script, compiled from the `.lua` file of that name by `scripts/generate.js`. It is written
 * for one item and called with any number of them: calls of one tick share one round trip.
 */
export interface Script<Keys, Args, Reply> {
  readonly name: string
  readonly sha1: string
  /** Whether a call whose answer was lost may be sent again. */
  readonly repeat: 'safe' | 'unsafe'
  /** What it is told of what the engine says once a call. */
  readonly facts: readonly Fact[]
  /** The kind of the one key that all items of a call share, or none. */
  readonly shares: string | null
  /**
   * The replies that come as their numbers, without a tag, by how many those are; when all of a call do, as one text.
   */
  readonly plain: Readonly<Record<number, string>>
  /** Whether the answer to a call says the time by which it was judged. */
  readonly tellsNow: boolean
  readonly keys: readonly (keyof Keys & string)[]
  /** Arguments that all items of a call have in common. */
  readonly once: readonly (keyof Args & string)[]
  /** Whether the one of `keys` is a list of any number of them, one at least. */
  readonly hasKeyList?: true
  readonly args: readonly ArgumentSpec[]
  readonly replies: Readonly<
    Record<string, readonly [tag: string, fields: readonly (readonly [string, FieldType])[]]>
  >
  readonly body: string
  /** Carries the types; never set. */
  readonly types?: (keys: Keys, args: Args) => Reply
}

/** What a script answers. */
export type ReplyOf<OneScript> =
  OneScript extends Script<infer _Keys, infer _Args, infer Reply> ? Reply : never

export type AnyScript = Script<
  Record<string, string | string[]>,
  Record<string, unknown>,
  { tag: string }
>

/** How an answer came about. */
export interface Sent {
  /** The caller's monotonic time from before the call first left. */
  sentAtMs: number
  /** The time by which it was judged, in the store's microseconds; 0 where the script does not tell. */
  nowUs: number
  /** It was sent before, and that answer was lost: this one may be of the repeat. */
  mayHaveRun: boolean
}

/** What is sent of one item. */
export interface ItemWords {
  keys: string[]
  once: readonly string[]
  args: readonly string[]
}

/** What has more is no longer the same for all: a batch of jobs, which must not be kept either. */
const MOST_SHARED_ARGS = 16

/** Writes items out. Whose arguments are the very object of the item before, are written once for both. */
export class ItemWriter {
  private script: AnyScript | null = null
  private given: unknown = null
  private once = NOTHING
  private args = NOTHING

  write(script: AnyScript, keys: unknown, given: unknown): ItemWords {
    const itemKeys = encodeKeys(script, keys as Record<string, string | string[]>)
    if (given === this.given && script === this.script) {
      return { keys: itemKeys, once: this.once, args: this.args }
    }
    const once = encodeOnce(script, given as Record<string, unknown>)
    const args = encodeArgs(script, given as Record<string, unknown>, itemKeys.length)
    const isShort = args.length <= MOST_SHARED_ARGS && script.hasKeyList !== true
    this.script = script
    this.given = isShort ? given : null
    this.once = isShort ? once : NOTHING
    this.args = isShort ? args : NOTHING
    return { keys: itemKeys, once, args }
  }
}

function encodeKeys(script: AnyScript, keys: Record<string, string | string[]>): string[] {
  if (script.hasKeyList) return [...(keys[script.keys[0] ?? ''] ?? [])]
  const { keys: names } = script
  if (names.length === 0) return []
  // Not a literal: see `Item`.
  const encoded = Array.of(keyOf(keys, names[0] as string))
  for (let index = 1; index < names.length; index++)
    encoded.push(keyOf(keys, names[index] as string))
  return encoded
}

const keyOf = (keys: Record<string, string | string[]>, name: string) =>
  (keys[name] as string | undefined) ?? ''

/** What an item shares with all of its call, as it is sent. */
function encodeOnce(script: AnyScript, args: Record<string, unknown>): readonly string[] {
  if (script.once.length === 0) return NOTHING
  return script.once.map((name) => encodeScalar(args[name]))
}

const NOTHING: readonly string[] = []

/**
 * One item's arguments in the order in which the compiled script reads them.
 * @param keyCount said first where it differs from item to item
 */
function encodeArgs(script: AnyScript, args: Record<string, unknown>, keyCount: number): string[] {
  const encoded: string[] = script.hasKeyList ? [String(keyCount)] : []
  for (const spec of script.args) {
    const value = args[spec[0]]
    if (spec[1] === 'list') encodeList(encoded, value as Record<string, unknown>[], spec[2])
    else encoded.push(encodeScalar(value))
  }
  return encoded
}

/** A thousand jobs are a list of a thousand: no array is made for each. */
function encodeList(
  encoded: string[],
  items: Record<string, unknown>[],
  fields: readonly string[],
): void {
  encoded.push(String(items.length * fields.length))
  for (const item of items) for (const field of fields) encoded.push(encodeScalar(item[field]))
}

/** Whether the arguments of all items are the same: then they are sent once. */
export function areAlike(items: readonly { args: readonly string[] }[]): boolean {
  const first = items[0]?.args ?? []
  return items.every(
    ({ args }) =>
      args === first ||
      (args.length === first.length && args.every((text, index) => text === first[index])),
  )
}

const encodeScalar = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '' : String(value)

/** Reads `[tag, …fields]`, or the numbers of the plain reply, as the script's header declares it. */
export function decodeReply(
  script: AnyScript,
  raw: unknown,
  { sentAtMs, nowUs, mayHaveRun }: Sent,
): { tag: string } & Sent {
  const isTagged = Array.isArray(raw)
  const values: readonly unknown[] = isTagged ? raw : numbersOf(String(raw))
  const tag = isTagged ? String(raw[0]) : script.plain[values.length]
  if (tag === undefined) throw new InternalError(`Script ${script.name} answered without a tag.`)
  const declared = script.replies[tag]
  if (!declared) throw new InternalError(`Script ${script.name} gave the undeclared reply ${tag}.`)
  const reply: Record<string, unknown> & { tag: string } & Sent = {
    tag: declared[0],
    sentAtMs,
    nowUs,
    mayHaveRun,
  }
  const [, fields] = declared
  let index = isTagged ? 1 : 0
  for (const [name, type] of fields) reply[name] = decodeField(values[index++], type)
  return reply
}

/** Mostly there is one. */
const numbersOf = (text: string) => (text.includes(',') ? text.split(',') : [text])

function decodeField(raw: unknown, type: FieldType): unknown {
  switch (type) {
    case 'string':
    case 'numeral':
      return String(raw ?? '')
    case 'digits':
    case 'integer':
    case 'number':
      return Number(raw)
    case 'integer?':
      return raw === '' || raw === null || raw === undefined ? null : Number(raw)
    case 'strings':
      return Array.isArray(raw) ? raw.map(String) : []
    case 'integers':
      return Array.isArray(raw) ? raw.map(Number) : []
  }
}
