import { systemClock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import { callback, count, oneOf, type Reader, readOptions, text, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import type { BigKey, BigKeysReport } from './big-keys-report.ts'
import { Census } from './census.ts'
import { type RedisTarget, withRedis } from './client.ts'
import { isKeyType, KEY_TYPES, keyType } from './key-types.ts'
import { scanNode } from './node-scan.ts'
import { Pace } from './pace.ts'
import { type ScanOptions, scanShape } from './scan.ts'
import { placesOf } from './scan-place.ts'

export interface BigKeysOptions extends Omit<ScanOptions, 'type' | 'resume'> {
  /**
   * What is big: `'memory'`, in bytes, or `'elements'`, which strings count in bytes. Defaults to
   * `'memory'`.
   */
  by?: 'memory' | 'elements'
  /** How many keys of each type, and of all types together, are named: 1 to 1,000, by default 20. */
  top?: number
  /** Which types are looked at. Defaults to the six that every server has; modules have others. */
  types?: readonly string[]
  /**
   * Of how many elements `MEMORY USAGE` takes the average, for keys that have more: by default 5, as
   * the server does. 0 looks at all, which blocks the server for as long as that takes.
   */
  samples?: number
  /** `'all'` also counts the keys that never expire: a command more for each key. Defaults to `'top'`. */
  expiry?: 'top' | 'all'
  /** What separates the parts of names, for sums by their beginning. Defaults to `':'`. */
  separator?: string
  /** How many parts a beginning has: 1 to 8, by default 1. */
  depth?: number
  /** A replica of each primary is asked by default, if one is in step. */
  from?: 'replicas' | 'primaries'
  /** Called some times a second. */
  onProgress?: (progress: BigKeysProgress) => void
}

export interface BigKeysProgress {
  /** Keys measured so far. */
  readonly keys: number
  /** About how many keys servers looked at, of `total`: each once for each type. */
  readonly visited: number
  readonly total: number
  /** The biggest so far. */
  readonly biggest: Readonly<Pick<BigKey, 'key' | 'type' | 'size'>> | null
}

const readTypes: Reader<readonly string[]> = (value, argument) => {
  if (Array.isArray(value) && value.length > 0 && value.length <= 32) {
    return [...new Set(value.map((type, index) => keyType(type, `${argument}[${index}]`)))]
  }
  throw new ArgumentError(argument, 'an array of 1 to 32 types of keys', describe(value))
}

const { type: _type, resume: _resume, ...common } = scanShape
const bigKeysShape = {
  ...common,
  by: withDefault(oneOf('memory', 'elements'), 'memory' as const),
  top: withDefault(count(1, 1_000), 20),
  types: withDefault(readTypes, KEY_TYPES),
  samples: withDefault(count(0, 1_000_000), 5),
  expiry: withDefault(oneOf('top', 'all'), 'top' as const),
  separator: withDefault(text(16), ':'),
  depth: withDefault(count(1, 8), 1),
  from: withDefault(oneOf('primaries', 'replicas'), 'replicas' as const),
  onProgress: withDefault(callback<(progress: BigKeysProgress) => void>, undefined),
}

/**
 * The biggest keys of all servers. Every key is measured, by `MEMORY USAGE` or by the command that
 * counts its elements; each type has a scan of its own, so that no key has to be asked for its type.
 * Nothing is changed, and a replica is asked where there is one.
 *
 * @throws {ArgumentError} at once
 * @throws {EngineUnavailableError}
 */
export async function findBigKeys(
  target: RedisTarget,
  options?: BigKeysOptions,
): Promise<BigKeysReport> {
  const terms = readOptions('findBigKeys', options, bigKeysShape)
  const foreign = terms.types.find((type) => !isKeyType(type))
  if (terms.by === 'elements' && foreign !== undefined) {
    throw new ArgumentError(
      'findBigKeys.types',
      `of ${KEY_TYPES.join(', ')}`,
      describe(foreign),
      "The elements of other types cannot be counted: use by: 'memory'.",
    )
  }
  const startMs = performance.now()
  return withRedis(target, 'findBigKeys.client', async (redis) => {
    const census = new Census(terms)
    const pace = new Pace(terms.pace, systemClock)
    const subject = { match: terms.match, type: undefined, from: terms.from }
    const places = await placesOf(redis, subject, new Map())
    await census.begin(places, terms.types.length)
    // Each server on its own: one that is slow holds up nobody else.
    const stop = new AbortController()
    const signal = terms.signal ? AbortSignal.any([terms.signal, stop.signal]) : stop.signal
    const scans = places.map(async (place) => {
      for (const type of terms.types) {
        const ofType = { ...place }
        const scan = { match: terms.match, type, count: terms.count, pace, signal }
        for await (const batch of scanNode(ofType, scan)) {
          signal.throwIfAborted()
          await census.take(place.node, type, batch)
        }
      }
    })
    await Promise.all(scans).catch((error: unknown) => {
      stop.abort(error)
      throw error
    })
    return census.report(performance.now() - startMs)
  })
}
