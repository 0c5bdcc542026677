import type { BigKey, BigKeysReport } from './big-keys-report.ts'
import type { RedisNode } from './client.ts'
import type { BigKeysProgress } from './find-big-keys.ts'
import { COUNT_COMMANDS, isKeyType } from './key-types.ts'
import { measure } from './measure.ts'
import type { Batch } from './node-scan.ts'
import { PrefixSums } from './prefix-sums.ts'
import type { NodePlace } from './scan-place.ts'
import { ScanProgress } from './scan-progress.ts'
import { TopList } from './top-list.ts'

export interface CensusTerms {
  readonly by: 'memory' | 'elements'
  readonly top: number
  readonly types: readonly string[]
  readonly samples: number
  readonly expiry: 'top' | 'all'
  readonly separator: string
  readonly depth: number
  readonly onProgress: ((progress: BigKeysProgress) => void) | undefined
}

type Sized = Pick<BigKey, 'key' | 'type' | 'size'> & { readonly node: RedisNode }
interface Sum {
  keys: number
  size: number
}

const TELL_EVERY_MS = 100
/** Beginnings of names that are summed at one time, and those that are told. */
const MOST_PREFIXES = 10_000
const TOLD_PREFIXES = 100

const newSum = (): Sum => ({ keys: 0, size: 0 })
const sizeOf = ({ size }: Sized) => size

/** What is known of all keys so far. */
export class Census {
  private readonly terms: CensusTerms
  private readonly progress = new ScanProgress()
  private readonly biggest: TopList<Sized>
  private readonly types: ReadonlyMap<string, Sum & { readonly biggest: TopList<Sized> }>
  private readonly prefixes: PrefixSums
  private readonly servers = new Map<string, Sum>()
  private readonly all = newSum()
  private readonly neverExpire = newSum()
  private gone = 0
  private toldAtMs = 0

  constructor(terms: CensusTerms) {
    this.terms = terms
    const newList = () => new TopList(terms.top, sizeOf)
    this.biggest = newList()
    this.types = new Map(terms.types.map((type) => [type, { ...newSum(), biggest: newList() }]))
    this.prefixes = new PrefixSums(terms.separator, terms.depth, MOST_PREFIXES)
  }

  /** Every server is gone over so many times. */
  async begin(places: readonly NodePlace[], times: number): Promise<void> {
    await this.progress.begin(places)
    this.progress.total *= times
    for (const { node } of places) this.servers.set(node.place, newSum())
  }

  /** Measures some keys of one type, all at once. */
  async take(node: RedisNode, type: string, batch: Batch): Promise<void> {
    this.progress.add(batch)
    const { keys } = batch
    const asksExpiry = this.terms.expiry === 'all'
    const [sizes, expiries] = await Promise.all([
      Promise.all(keys.map((key) => this.measure(node, type, key))),
      Promise.all(asksExpiry ? keys.map((key) => measure(node, 'PTTL', [key])) : []),
    ])
    for (const [index, key] of keys.entries()) {
      const size = sizes[index]
      if (size === null || size === undefined) this.gone++
      else this.count({ key, type, size, node }, expiries[index] === NEVER)
    }
    this.tell()
  }

  async report(elapsedMs: number): Promise<BigKeysReport> {
    const looked = new Map<Sized, Promise<BigKey>>()
    const look = (list: TopList<Sized>) =>
      Promise.all(
        list.list().map((key) => {
          const known = looked.get(key) ?? this.lookAgain(key)
          looked.set(key, known)
          return known
        }),
      )
    const prefixes = this.prefixes.list().slice(0, TOLD_PREFIXES)
    const told = prefixes.reduce(add, newSum())
    const types = [...this.types].map(async ([type, { keys, size, biggest }]) => {
      return { type, keys, size, biggest: await look(biggest) }
    })
    return {
      ...this.all,
      unit: this.terms.by === 'memory' ? 'bytes' : 'elements',
      biggest: await look(this.biggest),
      types: (await Promise.all(types)).filter(({ keys }) => keys > 0),
      prefixes,
      otherPrefixes: { keys: this.all.keys - told.keys, size: this.all.size - told.size },
      servers: [...this.servers].map(([place, sum]) => ({ place, ...sum })),
      neverExpire: this.terms.expiry === 'all' ? this.neverExpire : null,
      gone: this.gone,
      unreadable: this.progress.unreadable,
      elapsedMs,
    }
  }

  private measure(node: RedisNode, type: string, key: string): Promise<number | null> {
    if (this.terms.by === 'memory') return measure(node, 'MEMORY', this.usageOf(key))
    return isKeyType(type) ? measure(node, COUNT_COMMANDS[type], [key]) : Promise.resolve(null)
  }

  private usageOf(key: string): string[] {
    return ['USAGE', key, 'SAMPLES', String(this.terms.samples)]
  }

  private count(key: Sized, neverExpires: boolean): void {
    this.biggest.offer(key)
    const ofType = this.types.get(key.type)
    ofType?.biggest.offer(key)
    this.prefixes.add(key.key, key.size)
    const one = { keys: 1, size: key.size }
    const sums = [this.all, ofType, this.servers.get(key.node.place)]
    for (const sum of sums) if (sum) add(sum, one)
    if (neverExpires) add(this.neverExpire, one)
  }

  /** All that is asked of the few that are named. */
  private async lookAgain({ key, type, size, node }: Sized): Promise<BigKey> {
    const [bytes, elements, expiresInMs] = await Promise.all([
      measure(node, 'MEMORY', this.usageOf(key)),
      isKeyType(type) ? measure(node, COUNT_COMMANDS[type], [key]) : null,
      measure(node, 'PTTL', [key]),
    ])
    const expires = expiresInMs !== null && expiresInMs >= 0 ? expiresInMs : null
    return { key, type, size, bytes, elements, expiresInMs: expires, place: node.place }
  }

  private tell(): void {
    const now = performance.now()
    if (!this.terms.onProgress || now - this.toldAtMs < TELL_EVERY_MS) return
    this.toldAtMs = now
    const { visited, total } = this.progress
    const [biggest = null] = this.biggest.list()
    this.terms.onProgress({
      keys: this.all.keys,
      visited,
      total,
      biggest: biggest && { key: biggest.key, type: biggest.type, size: biggest.size },
    })
  }
}

/** What `PTTL` says of a key that has no time to live. */
const NEVER = -1

function add(sum: Sum, more: Readonly<Sum>): Sum {
  sum.keys += more.keys
  sum.size += more.size
  return sum
}
