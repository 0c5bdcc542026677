import type { RedisConnections, RedisNode } from './client.ts'
import { CommandError } from './errors.ts'

/** Answers a number about one key; null if it is gone. @throws {CommandError} */
export const measure = (
  node: RedisNode,
  command: string,
  args: readonly string[],
): Promise<number | null> => node.call(command, args).then(asNumber, nullIfGone)

const asNumber = (answer: unknown): number | null => (answer === null ? null : Number(answer))

/** What a server says instead of a size when the key moved or changed its type meanwhile. */
function nullIfGone(error: unknown): null {
  if (error instanceof CommandError && /^(?:MOVED|ASK|WRONGTYPE|TRYAGAIN)$/.test(error.reply)) {
    return null
  }
  throw error
}

/** What keys use together, of which those that are gone use nothing. */
export async function measureBytes(
  redis: RedisConnections,
  keys: readonly string[],
): Promise<number> {
  const sizes = await Promise.all(
    keys.map((key) => redis.callFor(key, 'MEMORY', ['USAGE', key]) as Promise<number | null>),
  )
  return sizes.reduce<number>((sum, size) => sum + Number(size ?? 0), 0)
}
