import { ArgumentError } from '../errors.ts'
import type { Reader } from '../options.ts'
import { describe } from '../text.ts'
import type { RedisConnections, RedisNode } from './client.ts'
import { readInfo } from './info.ts'

/** Which keys a scan is about, and where it asks. Another scan cannot go on from its place. */
export interface ScanSubject {
  readonly match: string | undefined
  readonly type: string | undefined
  readonly from: 'primaries' | 'replicas'
}

/** How far one server was scanned. */
export interface NodePlace {
  readonly node: RedisNode
  /** Of the run of the server: its cursors say nothing to another one. */
  run: string
  cursor: string
  done: boolean
}

/** By run of a server: the cursor, or null when it is done. */
export type Places = ReadonlyMap<string, string | null>

const VERSION = 1
const LONGEST_TOKEN = 1_000_000

/** Where each server of a scan is to begin. A server that a token does not name begins anew. */
export async function placesOf(
  redis: RedisConnections,
  { from }: ScanSubject,
  resumed: Places,
): Promise<NodePlace[]> {
  const primaries = await redis.primaries()
  const readers = await Promise.all(
    primaries.map((primary) => (from === 'replicas' ? readerOf(redis, primary) : primary)),
  )
  return Promise.all(
    readers.map(async (node) => {
      const run = await runOf(node)
      const cursor = resumed.get(run)
      return { node, run, cursor: cursor ?? '0', done: cursor === null }
    }),
  )
}

/** A replica that is in step, or the primary where there is none. */
async function readerOf(redis: RedisConnections, primary: RedisNode): Promise<RedisNode> {
  for (const replica of await redis.replicas([primary])) {
    const info = await readInfo(replica, 'replication').catch(() => null)
    if (info?.get('master_link_status') === 'up') return replica
  }
  return primary
}

/** What changes when a server is restarted, or another one takes its place. */
export async function runOf(node: RedisNode): Promise<string> {
  const info = await readInfo(node, 'server')
  return info?.get('run_id') ?? node.place
}

/** Text to go on from, in this process or another. */
export function writeResume(
  { match, type, from }: ScanSubject,
  resumed: Places,
  places: readonly NodePlace[],
): string {
  const now = places.map(({ run, cursor, done }) => [run, done ? null : cursor] as const)
  const at = [...(places.length === 0 ? resumed : now)]
  return Buffer.from(JSON.stringify([VERSION, match ?? null, type ?? null, from, at])).toString(
    'base64url',
  )
}

/** @throws {ArgumentError} for what {@link writeResume} did not write, or wrote of another scan */
export function readResume(
  token: string | undefined,
  { match, type, from }: ScanSubject,
  argument: string,
): Places {
  if (token === undefined) return new Map()
  const parts = parse(token)
  if (parts === null) {
    throw new ArgumentError(argument, 'the resume text of an earlier scan', describe(token))
  }
  const [, wasMatch, wasType, wasFrom, at] = parts
  if (wasMatch !== (match ?? null) || wasType !== (type ?? null) || wasFrom !== from) {
    throw new ArgumentError(
      argument,
      'of a scan with the same match, type and from',
      'that of another one',
      'Pass what it was begun with, or leave resume out.',
    )
  }
  return new Map(at)
}

type Parts = [number, string | null, string | null, string, [string, string | null][]]

function parse(token: string): Parts | null {
  try {
    const parts = JSON.parse(Buffer.from(token, 'base64url').toString()) as Parts
    const isCursor = (cursor: unknown) =>
      cursor === null || (typeof cursor === 'string' && /^\d{1,20}$/.test(cursor))
    const isWhole =
      Array.isArray(parts) &&
      parts[0] === VERSION &&
      Array.isArray(parts[4]) &&
      parts[4].every((at) => Array.isArray(at) && typeof at[0] === 'string' && isCursor(at[1]))
    return isWhole ? parts : null
  } catch {
    return null
  }
}

export const resumeText: Reader<string> = (value, argument) => {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_TOKEN) return value
  throw new ArgumentError(argument, 'the resume text of an earlier scan', describe(value))
}
