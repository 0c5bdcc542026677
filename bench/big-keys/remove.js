// @ts-check
// Removes what a case is about: `remove.js METHOD PORT`, and says when it is done.
import { Redis } from 'ioredis'
import { deleteKeys, drainKey } from '../../dist/redis/index.js'
import { BIG, SMALL } from './fill.js'

const [method = '', port = ''] = process.argv.slice(2)
const url = `redis://127.0.0.1:${port}`
const client = new Redis(url, { commandTimeout: 120_000 })

/** What is written first by most: as fast as it goes. @param {'del' | 'unlink'} command */
async function loop(command) {
  let cursor = '0'
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', `${SMALL}*`, 'COUNT', 1_000)
    if (keys.length > 0) await client[command](...keys)
    cursor = next
  } while (cursor !== '0')
}

/** @type {Record<string, () => Promise<unknown>>} */
const methods = {
  deleteKeys: () => deleteKeys(url, `${SMALL}*`),
  'DEL loop': () => loop('del'),
  'UNLINK loop': () => loop('unlink'),
  drainKey: () => drainKey(url, BIG),
  DEL: () => client.del(BIG),
  UNLINK: () => client.unlink(BIG),
}

await client.ping()
process.send?.('ready')
process.once('message', async () => {
  await methods[method]?.()
  process.send?.('done')
})
process.once('disconnect', () => process.exit(0))
