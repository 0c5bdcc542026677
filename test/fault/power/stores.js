// @ts-check
// Stores whose power can be cut: what was not synced to the disk by then is gone.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import path from 'node:path'
import { startServer } from '../servers.js'

/**
 * @typedef {object} Store
 * @property {string} url
 * @property {Record<string, string>} env of the process that uses it
 * @property {() => string} synced changes with every sync
 * @property {() => void} pause whoever else writes its files stops
 * @property {() => void} resume
 * @property {() => Promise<void>} cut after that process was killed; and comes back
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {import('./history.js').Level} loses
 * @property {'full' | 'normal'} [synchronous]
 * @property {'fsync'} [durability] of each add
 * @property {(folder: string, shim: string) => Promise<Store>} open
 */

export const QUEUE = 'power'

/** The size that each file was last synced with. @param {string} log */
function readSizes(log) {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(' ')
      return [line.slice(at + 1), Number(line.slice(0, at))]
    }),
  )
}

/** @param {boolean | 'always'} persist @returns {Kind['open']} */
const openRedis = (persist) => async (folder, shim) => {
  const [log, data] = [path.join(folder, 'synced'), path.join(folder, 'data')]
  const prefix = ['env', `LD_PRELOAD=${shim}`, `POWER_LOSS_LOG=${log}`]
  const server = await startServer({ persist, folder: data, prefix })
  return {
    ...{ url: server.url, env: {} },
    synced: () => `${existsSync(log) ? statSync(log).size : 0}`,
    pause: () => server.pause(),
    resume: () => server.resume(),
    async cut() {
      await server.kill()
      const sizes = readSizes(log)
      const files = readdirSync(data, { recursive: true }).map((name) => path.join(data, `${name}`))
      // What grows; everything else is written aside, synced and renamed.
      for (const file of files.filter((name) => /\.aof$/.test(name) && !/\.base\./.test(name))) {
        truncateSync(file, sizes.get(file) ?? 0)
      }
      await server.restart()
    },
    close: () => server.close(),
  }
}

/** @type {Kind['open']} */
async function openSqlite(folder, shim) {
  const data = path.join(folder, 'data')
  mkdirSync(data)
  return {
    url: `sqlite:${path.join(data, 'queue.db')}`,
    env: { LD_PRELOAD: shim, POWER_LOSS_COPIES: '1' },
    synced: () =>
      readdirSync(data)
        .filter((name) => name.endsWith('.safe'))
        .map((name) => `${name} ${statSync(path.join(data, name)).mtimeMs}`)
        .join('\n'),
    pause() {},
    resume() {},
    async cut() {
      const files = readdirSync(data).filter((name) => !/\.(safe|made)$/.test(name))
      for (const file of files.map((name) => path.join(data, name))) {
        if (existsSync(`${file}.safe`)) renameSync(`${file}.safe`, file)
        else rmSync(file)
      }
    },
    async close() {},
  }
}

/** @type {readonly Kind[]} */
export const KINDS = [
  { name: 'Redis, appendfsync always', loses: 'nothing', open: openRedis('always') },
  { name: 'Redis, appendfsync everysec', loses: 'seconds', open: openRedis(true) },
  { name: 'SQLite, FULL', loses: 'nothing', synchronous: 'full', open: openSqlite },
  { name: 'SQLite, NORMAL', loses: 'the end', synchronous: 'normal', open: openSqlite },
  {
    name: 'SQLite, each add sure',
    loses: 'acks',
    synchronous: 'normal',
    durability: 'fsync',
    open: openSqlite,
  },
]
