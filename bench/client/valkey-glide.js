// @ts-check
import { GlideClient } from '@valkey/valkey-glide'

export const packageName = '@valkey/valkey-glide'
/** Its 250 ms would fail calls of a busy machine, and the limit of 1,000 in flight is its own. */
export const settings = 'defaults but for requestTimeout 2 s; one multiplexed connection, no Batch'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const client = await GlideClient.createClient({
    addresses: [{ host: '127.0.0.1', port }],
    requestTimeout: 2_000,
  })
  return {
    get: (key) => client.get(key),
    // Not invokeScript: it keeps the script's text and its own hash, while this one is the server's.
    evalsha: (sha1, key, first, second) =>
      client.customCommand(['EVALSHA', sha1, '1', key, first, second]),
    close: () => client.close(),
  }
}
