/** Tags put keys of several limiters into one slot of a cluster. */
import { type Reader, readName } from '../options.ts'
import type { Nearby } from './nearby.ts'
import { SameTick } from './same-tick.ts'
import type { LimitStore } from './store.ts'

export type Tag = string | ((key: string) => string)

export const readTag: Reader<Tag> = (value, argument) =>
  typeof value === 'function' ? (value as Tag) : readName(value, argument)

/** @throws {ArgumentError} when it makes no name of the key */
export function tagFor(tag: Tag | null, key: string): string | null {
  if (typeof tag !== 'function') return tag
  return readName(tag(key), 'limiter.tag')
}

/** The same store for a limiter whose keys have a tag. */
export function taggedBy(
  tag: Tag,
  store: LimitStore,
  nearby: Nearby,
): { store: LimitStore; nearby: Nearby } {
  const withTag = <Request extends { key: string }>(request: Request) => ({
    ...request,
    tag: tagFor(tag, request.key),
  })
  const tagged: LimitStore = {
    ...store,
    take: async (request) => store.take(withTag(request)),
    takeTimes: async (request, times) => store.takeTimes(withTag(request), times),
    takeSeveral: async (request) => store.takeSeveral(withTag(request)),
    takeAtMost: async (request) => store.takeAtMost(withTag(request)),
    reset: async (request) => store.reset(withTag(request)),
  }
  return { store: tagged, nearby: { ...nearby, sameTick: new SameTick(tagged, nearby.clock) } }
}
