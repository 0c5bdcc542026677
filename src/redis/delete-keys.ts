import { systemClock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import {
  abortSignal,
  amount,
  callback,
  count,
  duration,
  flag,
  readOptions,
  withDefault,
} from '../options.ts'
import { describe } from '../text.ts'
import { type RedisConnections, type RedisNode, type RedisTarget, withRedis } from './client.ts'
import type { Way } from './dose.ts'
import { Gentle, gentleTerms } from './gentle.ts'
import { namesSomething, readPattern } from './glob.ts'
import { keyType, readKey } from './key-types.ts'
import { measureBytes } from './measure.ts'
import { scanNode } from './node-scan.ts'
import { Pace } from './pace.ts'
import { Sample } from './sample.ts'
import { FASTEST_PACE } from './scan.ts'
import { placesOf, readResume, resumeText, writeResume } from './scan-place.ts'
import { ScanProgress } from './scan-progress.ts'
import { Unlinker } from './unlink.ts'

export interface DeleteOptions {
  /** Counts and measures what would be deleted, and deletes nothing. Defaults to false. */
  dryRun?: boolean
  /** Needed for a pattern that says nothing about which keys are meant, such as `*`. */
  confirm?: boolean
  /** With a pattern: keys of this type alone. */
  type?: string
  /** How many keys a second are deleted at most. Defaults to as many as `maxBlock` allows. */
  pace?: number
  /** How long one command may keep a server from its other clients: by default 0.15 ms. */
  maxBlock?: Duration
  /** How many of the keys are in the report, chosen by chance: 0 to 1,000, by default 10. */
  sample?: number
  /** With a pattern: text of {@link DeleteProgress.resume}, of a deletion that was interrupted. */
  resume?: string
  /** Called after each some hundred keys, and once more before an error is thrown. */
  onProgress?: (progress: DeleteProgress) => void
  /** Ends it by rejecting with the signal's reason. */
  signal?: AbortSignal
}

export interface DeleteProgress {
  /** Keys that the pattern matched, or that were given. */
  readonly matched: number
  /** Keys that were there and are deleted. */
  readonly deleted: number
  /** About how many keys servers looked at, of `total`: 0 of 0 without a pattern. */
  readonly visited: number
  readonly total: number
  /** What to pass to go on from here; null without a pattern. */
  readonly resume: string | null
}

export interface DeleteReport extends DeleteProgress {
  readonly dryRun: boolean
  /** What they use, in a dry run; null else. */
  readonly bytes: number | null
  /** Names that are no UTF-8: no command by text can reach those keys. They are still there. */
  readonly unreadable: number
  readonly sample: readonly string[]
  readonly elapsedMs: number
}

const unlimited = Number.POSITIVE_INFINITY
const deleteShape = {
  dryRun: withDefault(flag, false),
  confirm: withDefault(flag, false),
  type: withDefault(keyType, undefined),
  pace: withDefault(amount(FASTEST_PACE), unlimited),
  maxBlock: withDefault(duration({ minMs: 0.05, maxMs: 1_000 }), 0.15),
  sample: withDefault(count(0, 1_000), 10),
  resume: withDefault(resumeText, undefined),
  onProgress: withDefault(callback<(progress: DeleteProgress) => void>, undefined),
  signal: withDefault(abortSignal, undefined),
}
type Terms = ReturnType<typeof readOptions<typeof deleteShape>>

/** How many keys a server looks at for one command: some microseconds each. */
const SCANNED = { least: 10, first: 32, most: 250 }
const MEASURED = { least: 8, first: 16, most: 100 }
const GIVEN_AT_A_TIME = 500
/** Answers that cost nothing, before the first that does: how long the way is. */
const LESSONS = 8

/**
 * Deletes the keys that match a pattern, or those that are given, with `UNLINK`: so many at a time
 * that nobody else waits, resting for as long as each command took, and no faster than the servers
 * free what they detached. `escapeGlob` makes a pattern of what a user typed.
 *
 * A key that is deleted and made again meanwhile may be deleted again. What was deleted stays so,
 * also when it is interrupted: go on with `resume`, or by the same call.
 *
 * @throws {ArgumentError} at once: also for a pattern of stars alone without `confirm`
 * @throws {EngineUnavailableError} with the outcome of the last command
 */
export async function deleteKeys(
  target: RedisTarget,
  what: string | Iterable<string> | AsyncIterable<string>,
  options?: DeleteOptions,
): Promise<DeleteReport> {
  const terms = readOptions('deleteKeys', options, deleteShape)
  const startMs = performance.now()
  const work = typeof what === 'string' ? byPattern(what, terms) : byNames(what, terms)
  return withRedis(target, 'deleteKeys.client', async (redis) => {
    const primaries = await redis.primaries()
    const deletion = new Deletion(redis, primaries, terms)
    await deletion.learnWay(primaries)
    await work(redis, deletion)
    return deletion.report(performance.now() - startMs)
  })
}

type Work = (redis: RedisConnections, deletion: Deletion) => Promise<void>

function byPattern(what: string, terms: Terms): Work {
  const match = readPattern(what, 'deleteKeys.match')
  if (!namesSomething(match) && !terms.confirm && !terms.dryRun) {
    throw new ArgumentError(
      'deleteKeys.match',
      'a pattern that says which keys are meant',
      describe(match),
      'It matches nearly everything. To delete that, pass confirm: true.',
    )
  }
  const subject = { match, type: terms.type, from: 'primaries' as const }
  const resumed = readResume(terms.resume, subject, 'deleteKeys.resume')
  return async (redis, deletion) => {
    const places = await placesOf(redis, subject, resumed)
    deletion.resumeText = () => writeResume(subject, resumed, places)
    await deletion.progress.begin(places)
    const { signal } = terms
    const count = deletion.scanning
    const scan = { ...subject, signal, count, pace: new Pace(unlimited, systemClock) }
    for (const place of places) {
      for await (const batch of scanNode(place, scan)) {
        deletion.progress.add(batch)
        await deletion.take(batch.keys)
      }
    }
  }
}

function byNames(what: Iterable<string> | AsyncIterable<string>, terms: Terms): Work {
  const isList = typeof what === 'object' && what !== null
  if (!isList || !(Symbol.iterator in what || Symbol.asyncIterator in what)) {
    throw new ArgumentError(
      'deleteKeys.match',
      'a pattern, or the names of keys: an array, or what can be looped over',
      describe(what),
    )
  }
  for (const option of ['type', 'resume'] as const) {
    if (terms[option] === undefined) continue
    throw new ArgumentError(`deleteKeys.${option}`, 'left out for given keys', 'a value')
  }
  // Of a list nothing is deleted if one of it is wrong.
  if (Array.isArray(what)) for (const name of what) readKey(name, 'deleteKeys.keys')
  return async (_, deletion) => {
    let names: string[] = []
    const take = async () => {
      deletion.progress.found += names.length
      await deletion.take(names)
      names = []
    }
    for await (const name of what) {
      names.push(readKey(name, 'deleteKeys.keys'))
      if (names.length === GIVEN_AT_A_TIME) await take()
    }
    await take()
  }
}

class Deletion {
  readonly progress = new ScanProgress()
  resumeText: () => string | null = () => null
  private readonly redis: RedisConnections
  private readonly terms: Terms
  private readonly pace: Pace
  readonly scanning: Gentle
  private readonly way: Way
  private readonly unlinker: Unlinker
  private readonly measuring: Gentle
  private readonly sample: Sample<string>
  private deleted = 0
  private bytes = 0

  constructor(redis: RedisConnections, primaries: readonly RedisNode[], terms: Terms) {
    this.redis = redis
    this.terms = terms
    this.sample = new Sample(terms.sample)
    this.pace = new Pace(terms.pace, systemClock)
    const gentle = gentleTerms(terms.maxBlock, terms.signal)
    this.scanning = new Gentle(gentle, SCANNED)
    this.measuring = new Gentle(gentle, MEASURED)
    this.unlinker = new Unlinker(redis, primaries, this.pace, gentle)
    this.way = gentle.way
  }

  async learnWay(nodes: readonly RedisNode[]): Promise<void> {
    for (let lesson = 0; lesson < LESSONS; lesson++) {
      const startMs = performance.now()
      await Promise.all(nodes.map((node) => node.call('PING', [])))
      this.way.took(performance.now() - startMs)
    }
  }

  async take(keys: readonly string[]): Promise<void> {
    const { dryRun, signal, onProgress } = this.terms
    for (const key of keys) this.sample.offer(key)
    try {
      signal?.throwIfAborted()
      if (dryRun) await this.measure(keys)
      else
        await this.unlinker.unlink(keys, (removed) => {
          this.deleted += removed
        })
    } finally {
      onProgress?.(this.look())
    }
  }

  private async measure(keys: readonly string[]): Promise<void> {
    for (const portion of this.measuring.portions(keys)) {
      await this.pace.turn(portion.length, this.terms.signal)
      const measured = () => measureBytes(this.redis, portion)
      this.bytes += await this.measuring.ask(portion.length, measured)
    }
  }

  look(): DeleteProgress {
    const { found, visited, total } = this.progress
    const { deleted } = this
    return { matched: found, deleted, visited, total, resume: this.resumeText() }
  }

  report(elapsedMs: number): DeleteReport {
    const { dryRun } = this.terms
    const { unreadable } = this.progress
    const sample = this.sample.list()
    const bytes = dryRun ? this.bytes : null
    return { ...this.look(), dryRun, bytes, unreadable, sample, elapsedMs }
  }
}
