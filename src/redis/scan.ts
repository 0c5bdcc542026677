import { systemClock } from '../clock.ts'
import { abortSignal, amount, count, oneOf, readOptions, withDefault } from '../options.ts'
import { type BorrowedRedis, borrowRedis, type RedisTarget } from './client.ts'
import { readPattern } from './glob.ts'
import { keyType } from './key-types.ts'
import { type ScanTerms, scanNode } from './node-scan.ts'
import { Pace } from './pace.ts'
import {
  type NodePlace,
  type Places,
  placesOf,
  readResume,
  resumeText,
  type ScanSubject,
  writeResume,
} from './scan-place.ts'
import { ScanProgress } from './scan-progress.ts'

export interface ScanOptions {
  /** Glob pattern; see `escapeGlob` for what a user typed. Defaults to all keys. */
  match?: string
  /** Keys of this type alone, such as `'hash'`. */
  type?: string
  /** How many keys a server looks at for one command: 10 to 10,000, by default 1,000. */
  count?: number
  /** How many keys a second are looked at, over all servers. Defaults to as many as come. */
  pace?: number
  /**
   * `'replicas'` asks a replica of each primary, if one is in step, else the primary. A replica may
   * not know the newest keys yet. Defaults to `'primaries'`.
   */
  from?: 'primaries' | 'replicas'
  /** Text of {@link KeyScan.resume}, of a scan with the same `match`, `type` and `from`. */
  resume?: string
  /** Ends it by rejecting with the signal's reason. */
  signal?: AbortSignal
}

export const FASTEST_PACE = 1e9
export const scanShape = {
  match: withDefault(readPattern, undefined),
  type: withDefault(keyType, undefined),
  count: withDefault(count(10, 10_000), 1_000),
  pace: withDefault(amount(FASTEST_PACE), Number.POSITIVE_INFINITY),
  from: withDefault(oneOf('primaries', 'replicas'), 'primaries' as const),
  resume: withDefault(resumeText, undefined),
  signal: withDefault(abortSignal, undefined),
}

/**
 * All keys of all servers, by `SCAN`. A key that is there from beginning to end comes at least once;
 * one that is added, removed or moved between nodes meanwhile may or may not come; a few may come
 * twice. Names that are no UTF-8 are counted, not given.
 *
 * Nothing is asked before the first key is, and leaving the loop closes the connections.
 *
 * @throws {ArgumentError} at once
 * @throws {EngineUnavailableError} from the loop; go on with `resume`
 */
export function scanKeys(target: RedisTarget, options?: ScanOptions): KeyScan {
  const read = readOptions('scanKeys', options, scanShape)
  const resumed = readResume(read.resume, read, 'scanKeys.resume')
  const borrow = () => borrowRedis(target, 'scanKeys.client')
  // What is wrong with it is told now, not by the loop.
  borrow()
  return new KeyScan(borrow, resumed, read)
}

/** A scan, which a loop over it moves on. A second loop goes on where the first one ended. */
export class KeyScan implements AsyncIterable<string> {
  /** How far it is. */
  readonly progress = new ScanProgress()
  private readonly borrow: () => BorrowedRedis
  private readonly terms: ScanSubject & ScanTerms
  private resumed: Places
  private places: NodePlace[] = []

  /** Made by {@link scanKeys}. */
  constructor(borrow: () => BorrowedRedis, resumed: Places, options: Read) {
    this.borrow = borrow
    this.resumed = resumed
    this.terms = { ...options, pace: new Pace(options.pace, systemClock) }
  }

  /**
   * Text for `scanKeys(…, { resume })`, also in another process: it goes on with the keys that no
   * loop has asked for yet, and up to `count` before them. A server that was restarted since, or
   * replaced by its replica, is scanned anew.
   */
  get resume(): string {
    return writeResume(this.terms, this.resumed, this.places)
  }

  /** The keys as they come, some hundreds at a time: faster than one by one. */
  async *batches(): AsyncGenerator<readonly string[]> {
    const { redis, giveBack } = this.borrow()
    try {
      this.places = await placesOf(redis, this.terms, this.resumed)
      await this.progress.begin(this.places)
      for (const place of this.places) {
        for await (const batch of scanNode(place, this.terms)) {
          this.progress.add(batch)
          if (batch.keys.length > 0) yield batch.keys
        }
      }
    } finally {
      this.resumed = readResume(this.resume, this.terms, 'resume')
      this.places = []
      await giveBack()
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for await (const keys of this.batches()) yield* keys
  }
}

type Read = ScanSubject & Omit<ScanTerms, 'pace'> & { pace: number }
