// @ts-check
// Where a tour keeps its state: a new file in a new folder, or a prefix of its own on SLUICE_URL.
// Either is gone when the tour is over.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSluice } from 'sluice'

/**
 * @typedef {object} Address what a process needs to open the same engine
 * @property {string} url
 * @property {string} [prefix]
 *
 * @typedef {object} Place
 * @property {Address} address
 * @property {string} folder for the files that the steps share, apart from the engine's
 * @property {string} description
 * @property {{ aheadMs: number, unsureMs: number }} clock the engine's against this machine's
 * @property {() => Promise<void>} remove
 */

/** @param {Address} address */
export function openSluice({ url, prefix }) {
  return createSluice(url, prefix === undefined ? {} : { prefix })
}

/** @param {NodeJS.ProcessEnv} env @returns {Promise<Place>} */
export async function openPlace(env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-tour-'))
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  try {
    const url = env.SLUICE_URL ?? ''
    // A file of the user's own must not be filled with a tour, and no two processes share memory.
    if (url === '' || /^(sqlite|memory):/.test(url)) return embeddedPlace(folder, removeFolder)
    return await redisPlace(url, folder, removeFolder)
  } catch (error) {
    removeFolder()
    throw error
  }
}

/** @param {string} folder @param {() => void} removeFolder @returns {Place} */
function embeddedPlace(folder, removeFolder) {
  const file = path.join(folder, 'tour.db')
  return {
    address: { url: `sqlite:${file}` },
    folder,
    description: `the embedded engine, in ${file}`,
    clock: { aheadMs: 0, unsureMs: 0 },
    remove: async () => removeFolder(),
  }
}

/** @param {string} url @param {string} folder @param {() => void} removeFolder @returns {Promise<Place>} */
async function redisPlace(url, folder, removeFolder) {
  const prefix = `sluice-tour-${randomBytes(4).toString('hex')}`
  // Sluice says what is wrong with a URL, without its password.
  await openSluice({ url, prefix }).close()
  const redis = await connect(url)
  try {
    const clock = await compareClocks(redis)
    const { hostname, port } = new URL(url)
    return {
      address: { url, prefix },
      folder,
      description: `Redis at ${hostname}:${port || 6379}, under the prefix ${prefix}`,
      clock,
      async remove() {
        removeFolder()
        await removeKeys(url, prefix)
      },
    }
  } finally {
    redis.disconnect()
  }
}

/** @param {string} url */
async function connect(url) {
  // Every participant reads this file, and most need no such client.
  const { Redis } = await import('ioredis')
  const options = { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000 }
  const redis = new Redis(url, options)
  /** @type {Error | undefined} */
  let cause
  redis.on('error', (error) => {
    cause = error
  })
  await redis.connect().catch((error) => {
    const { hostname, port } = new URL(url)
    const reason = (cause ?? error).message
    throw new Error(
      `SLUICE_URL names ${hostname}:${port || 6379}, which does not answer: ${reason}`,
    )
  })
  return redis
}

/** How far the server's clock is ahead of ours; the best of a few answers. @param {import('ioredis').Redis} redis */
async function compareClocks(redis) {
  let best = { aheadMs: 0, unsureMs: Number.POSITIVE_INFINITY }
  for (let round = 0; round < 5; round++) {
    const startMs = Date.now()
    const [seconds, micros] = await redis.time()
    const endMs = Date.now()
    const serverMs = Number(seconds) * 1000 + Number(micros) / 1000
    const unsureMs = (endMs - startMs) / 2 + 1
    const aheadMs = serverMs - (startMs + endMs) / 2
    if (unsureMs < best.unsureMs) best = { aheadMs, unsureMs }
  }
  return best
}

/** @param {string} url @param {string} prefix */
async function removeKeys(url, prefix) {
  const redis = await connect(url)
  try {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}:*`, 'COUNT', 1_000)
      if (keys.length > 0) await redis.unlink(...keys)
      cursor = next
    } while (cursor !== '0')
  } finally {
    redis.disconnect()
  }
}
