// @ts-check
import { createClient } from 'redis'

export const packageName = 'redis'
export const settings = 'defaults; it sends the commands of one turn together'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  await client.connect()
  return {
    get: (key) => client.get(key),
    evalsha: (sha1, key, first, second) =>
      client.evalSha(sha1, { keys: [key], arguments: [first, second] }),
    close: () => client.close(),
  }
}
