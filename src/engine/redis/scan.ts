import { asCallFailure } from './failures.ts'
import type { Servers } from './servers.ts'

/** Rounds of `SCAN` that a listing may take on a server: a page of a big keyspace, not all of it. */
const MOST_SCANS = 100

/** At most `limit` keys that match, over all servers. */
export async function scanKeys(
  servers: Servers,
  pattern: string,
  limit: number,
  timeoutMs: number,
): Promise<string[]> {
  const found = new Set<string>()
  for (const connection of await servers.each(performance.now() + timeoutMs)) {
    let cursor = '0'
    for (let round = 0; round < MOST_SCANS && found.size < limit; round++) {
      const args = [cursor, 'MATCH', pattern, 'COUNT', '1000']
      const deadlineMs = performance.now() + timeoutMs
      const [next, keys] = (await connection.call('SCAN', args, deadlineMs).catch((error) => {
        throw asCallFailure(error, 'SCAN')
      })) as [string, string[]]
      for (const key of keys) found.add(key)
      cursor = next
      if (cursor === '0') break
    }
  }
  return [...found].slice(0, limit)
}
