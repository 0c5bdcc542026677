import type { RedisNode } from './client.ts'
import { CommandError } from './errors.ts'

/** A section of `INFO`, by field; null where its user may not ask. */
export async function readInfo(
  node: RedisNode,
  section: string,
): Promise<ReadonlyMap<string, string> | null> {
  const answer = await node.call('INFO', [section]).catch((error: unknown) => {
    if (error instanceof CommandError) return null
    throw error
  })
  if (answer === null) return null
  const fields = [...String(answer).matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)]
  return new Map(fields.map(([, name = '', value = '']) => [name, value]))
}
