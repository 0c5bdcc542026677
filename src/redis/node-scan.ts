import { InternalError } from '../errors.ts'
import type { RedisNode } from './client.ts'
import type { Gentle } from './gentle.ts'
import type { Pace } from './pace.ts'
import { type NodePlace, runOf, type ScanSubject } from './scan-place.ts'

export interface ScanTerms extends Omit<ScanSubject, 'from'> {
  /** How many keys the server looks at for one command; a gentle one finds out. */
  readonly count: number | Gentle
  readonly pace: Pace
  readonly signal: AbortSignal | undefined
}

/** Keys of one answer. Where to go on after them is already in the place when the next is asked for. */
export interface Batch {
  readonly keys: readonly string[]
  /** About how many keys the server looked at. */
  readonly visited: number
  /** Names that are no UTF-8: nothing can be asked about them by text. */
  readonly unreadable: number
}

/** A server that is another one at the end than it was at the beginning is scanned anew. */
const MOST_ROUNDS = 5

/**
 * Scans one server from its place on, which moves past a batch once the next one is asked for. The
 * next command is under way while a batch is worked on, unless it is to be gentle.
 */
export async function* scanNode(place: NodePlace, terms: ScanTerms): AsyncGenerator<Batch> {
  for (let round = 0; round < MOST_ROUNDS && !place.done; round++) {
    yield* scanOnce(place, terms)
    const run = await runOf(place.node)
    place.done = run === place.run
    if (!place.done) Object.assign(place, { run, cursor: '0' })
  }
}

async function* scanOnce(place: NodePlace, terms: ScanTerms): AsyncGenerator<Batch> {
  // One command right behind another keeps a server for as long as both.
  const isAhead = typeof terms.count === 'number'
  let answer = askAhead(place.node, place.cursor, terms)
  for (;;) {
    const { cursor, batch } = await answer
    const isLast = cursor === '0'
    if (!isLast && isAhead) answer = askAhead(place.node, cursor, terms)
    yield batch
    if (isLast) return
    place.cursor = cursor
    if (!isAhead) answer = askAhead(place.node, cursor, terms)
  }
}

/** Whoever stops in the middle never hears of a failure. */
function askAhead(node: RedisNode, from: string, terms: ScanTerms): ReturnType<typeof ask> {
  const answer = ask(node, from, terms)
  answer.catch(() => {})
  return answer
}

async function ask(node: RedisNode, from: string, terms: ScanTerms) {
  const { match, type, pace, signal } = terms
  const [count, gentle] =
    typeof terms.count === 'number' ? [terms.count] : [terms.count.size, terms.count]
  await pace.turn(count, signal)
  const args = [from, 'COUNT', String(count)]
  if (match !== undefined) args.push('MATCH', match)
  if (type !== undefined) args.push('TYPE', type)
  const scan = () => node.call('SCAN', args)
  const reply = await (gentle ? gentle.ask(count, scan) : scan())
  const [cursor, names] = Array.isArray(reply) ? reply : []
  if (typeof cursor !== 'string' || !Array.isArray(names)) {
    throw new InternalError(`${node.place} answered SCAN with no cursor.`)
  }
  const keys = (names as string[]).filter(isReadable)
  return {
    cursor,
    batch: { keys, visited: count, unreadable: names.length - keys.length },
  }
}

/** Bytes that are no UTF-8 were replaced on their way: the name is not the key's any more. */
const isReadable = (name: string) => !name.includes('\ufffd')
