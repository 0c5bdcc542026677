import { InternalError } from '../../errors.ts'

type FieldType = 'string' | 'digits' | 'integer' | 'number' | 'integer?' | 'strings' | 'integers'
type ArgumentSpec =
  | readonly [name: string, type: FieldType]
  | readonly [name: string, type: 'list', fields: readonly string[]]

/**
 * A Lua script, compiled from the `.lua` file of that name by `scripts/generate.js`. It is written
 * for one item and called with any number of them: calls of one tick share one round trip.
 */
export interface Script<Keys, Args, Reply> {
  readonly name: string
  readonly sha1: string
  /** Whether a call whose answer was lost may be sent again. */
  readonly repeat: 'safe' | 'unsafe'
  /** Whether it is told what the engine says once a call. */
  readonly facts: boolean
  /** The kind of the one key that all items of a call share, or none. */
  readonly shares: string | null
  /** The reply that comes as its one field, without a tag: it costs half as much to read. */
  readonly plain: string | null
  readonly keys: readonly (keyof Keys & string)[]
  readonly args: readonly ArgumentSpec[]
  readonly replies: Readonly<
    Record<string, readonly [tag: string, fields: readonly (readonly [string, FieldType])[]]>
  >
  readonly body: string
  /** Carries the types; never set. */
  readonly types?: (keys: Keys, args: Args) => Reply
}

export type AnyScript = Script<Record<string, string>, Record<string, unknown>, { tag: string }>

/** How an answer came about. */
export interface Sent {
  /** The caller's monotonic time from before the call first left. */
  sentAtMs: number
  /** It was sent before, and that answer was lost: this one may be of the repeat. */
  mayHaveRun: boolean
}

export function encodeKeys(script: AnyScript, keys: Record<string, string>): string[] {
  return script.keys.map((name) => keys[name] ?? '')
}

/** One item's arguments in the order in which the compiled script reads them. */
export function encodeArgs(script: AnyScript, args: Record<string, unknown>): string[] {
  let lists = false
  const encoded = script.args.map((spec) => {
    const value = args[spec[0]]
    if (spec[1] !== 'list') return encodeScalar(value)
    lists = true
    return encodeList(value as Record<string, unknown>[], spec[2])
  })
  return lists ? encoded.flat() : (encoded as string[])
}

const encodeList = (items: Record<string, unknown>[], fields: readonly string[]): string[] => [
  String(items.length * fields.length),
  ...items.flatMap((item) => fields.map((field) => encodeScalar(item[field]))),
]

const encodeScalar = (value: unknown): string => (value === null ? '' : String(value))

/** Reads `[tag, …fields]`, or the one field of the plain reply, as the script's header declares it. */
export function decodeReply(
  script: AnyScript,
  raw: unknown,
  { sentAtMs, mayHaveRun }: Sent,
): { tag: string } & Sent {
  const isTagged = Array.isArray(raw)
  const tag = isTagged ? String(raw[0]) : script.plain
  if (tag === null) throw new InternalError(`Script ${script.name} answered without a tag.`)
  const declared = script.replies[tag]
  if (!declared) throw new InternalError(`Script ${script.name} gave the undeclared reply ${tag}.`)
  const reply: Record<string, unknown> & { tag: string } & Sent = {
    tag: declared[0],
    sentAtMs,
    mayHaveRun,
  }
  let index = 0
  for (const [name, type] of declared[1]) {
    index++
    reply[name] = decodeField(isTagged ? raw[index] : raw, type)
  }
  return reply
}

function decodeField(raw: unknown, type: FieldType): unknown {
  switch (type) {
    case 'string':
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
