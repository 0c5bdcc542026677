import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { abortSignal, count, duration, type Reader, readOptions, withDefault } from '../options.ts'
import { describe, printable, shorten } from '../text.ts'

export const SHORTEST_TTL_MS = 100
export const DAY_MS = 86_400_000
const MOST_METADATA_BYTES = 1024
const MOST_REPLICAS = 100

/** What `inspect` shows of a holder or a waiter, besides its host and process. */
export type Metadata = Readonly<Record<string, string | number | boolean>>

/** Settings of what can be held; every process that uses the name should use the same. */
export interface HoldOptions {
  /** How long a lease lasts unless renewed, 100 ms to 1 day. It is renewed at a third. Defaults to 30 s. */
  ttl?: Duration
  /** The longest that renewals may keep one lease, from 100 ms. Defaults to no limit. */
  maxHold?: Duration
  /** Shown by `inspect` with each acquisition, such as `{ label: 'nightly report' }`: up to 1 KiB of JSON. */
  metadata?: Metadata
  /**
   * Redis only: how many replicas must have an acquisition or a renewal before it counts, from 1. A
   * lease that fewer confirm in time is refused and given back. Defaults to none: a failover may then lose
   * the newest leases, because replication is asynchronous.
   */
  durability?: { replicas: number }
}

export interface AcquireOptions {
  /** How long to stand in line when it is taken; 0 refuses at once. Defaults to 10 s. */
  wait?: Duration
  /** Stops waiting; `acquire` then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** Others may become anything in JSON. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Metadata as the JSON text that is stored; empty for none. */
const metadata: Reader<string> = (value, argument) => {
  const expected = `a plain object of text, numbers and booleans, up to ${MOST_METADATA_BYTES} bytes as JSON`
  if (!isPlainObject(value)) throw new ArgumentError(argument, expected, describe(value))
  const entries = Object.entries(value)
  for (const [name, one] of entries) {
    const isPlain = typeof one === 'string' || typeof one === 'boolean' || Number.isFinite(one)
    if (isPlain) continue
    const path = `${argument}.${shorten(printable(name))}`
    throw new ArgumentError(path, expected, describe(one))
  }
  const text = JSON.stringify(Object.fromEntries(entries))
  const bytes = Buffer.byteLength(text)
  if (bytes <= MOST_METADATA_BYTES) return text === '{}' ? '' : text
  throw new ArgumentError(argument, expected, `${bytes} bytes`)
}

const durability: Reader<number> = (value, argument) =>
  readOptions(argument, value, { replicas: count(1, MOST_REPLICAS) }).replicas

/** The same way to get a thing, where there are no replicas that `durability` could ask. */
export function refusingDurability<Get extends (...args: never[]) => unknown>(
  get: Get,
  subject: string,
): Get {
  const refusing = (...[name, options]: Parameters<Get>): unknown => {
    const thing = get(...([name, options] as Parameters<Get>))
    const { durability } = (options ?? {}) as HoldOptions
    if (durability === undefined) return thing
    const expected = 'left out: only Redis has replicas, and the engine is SQLite'
    throw new ArgumentError(`${subject}.durability`, expected, describe(durability))
  }
  return refusing as Get
}

export const holdOptions = {
  ttl: withDefault(duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS }), 30_000),
  maxHold: withDefault(duration({ minMs: SHORTEST_TTL_MS }), null),
  metadata: withDefault(metadata, ''),
  durability: withDefault(durability, 0),
}

export const acquireOptions = {
  wait: withDefault(duration(), 10_000),
  signal: withDefault(abortSignal, undefined),
}
