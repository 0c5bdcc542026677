// @ts-check
// The systems that are compared, each behind the same few methods, so that the same code measures
// all of them.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/**
 * @typedef {object} Place where a system finds its server, and whom it tells about trouble
 * @property {string} host
 * @property {number} port
 * @property {(what: string) => void} tell
 *
 * @typedef {object} PeerQueue
 * @property {(payload: string) => Promise<unknown>} add
 * @property {(handle: (payload: string, id: string) => void) => Promise<unknown>} work
 * @property {() => Promise<number>} left how many jobs the server still holds
 *
 * @typedef {object} PeerLease
 * @property {number} remainingMs what it says itself when it was granted
 * @property {() => Promise<unknown>} release
 *
 * @typedef {object} PeerLock
 * @property {(name: string) => Promise<PeerLease>} acquire rejects when it is not to be had
 *
 * @typedef {object} PeerLimiter
 * @property {(key: string) => Promise<unknown>} take
 * @property {(key: string) => Promise<number>} charged how much the server has counted
 *
 * @typedef {object} System
 * @property {string} name
 * @property {'queue' | 'lock' | 'limiter'} kind
 * @property {string} [packageName] in bench/, which installs it
 * @property {string} settings
 * @property {boolean} [isOurs]
 */

export const LEASE_TTL_MS = 2_000
/** So many takes of a key are admitted that every one of these is. */
export const LIMIT = { units: 1_000, seconds: 600 }

/** @type {readonly System[]} */
export const systems = [
  { name: 'Sluice queue', kind: 'queue', settings: 'defaults', isOurs: true },
  {
    name: 'bullmq',
    kind: 'queue',
    packageName: 'bullmq',
    settings:
      'as its guides for production say: `enableOfflineQueue: false` for `Queue`, `maxRetriesPerRequest: null` for `Worker`, listeners for errors; on ioredis 6',
  },
  { name: 'Sluice lock', kind: 'lock', settings: "defaults; `wait: '3s'`", isOurs: true },
  {
    name: 'redlock 5',
    kind: 'lock',
    packageName: 'redlock5',
    settings: 'defaults, on ioredis 6 with defaults: 10 retries, some 2 s in all',
  },
  {
    name: 'redlock 4',
    kind: 'lock',
    packageName: 'redlock4',
    settings: 'defaults, on ioredis 6 with defaults: 10 retries, some 2 s in all',
  },
  { name: 'Sluice limiter', kind: 'limiter', settings: 'defaults', isOurs: true },
  {
    name: 'rate-limiter-flexible',
    kind: 'limiter',
    packageName: 'rate-limiter-flexible',
    settings:
      '`RateLimiterRedis`, on ioredis 6 with `enableOfflineQueue: false`, as its guide says',
  },
  {
    name: 'rate-limiter-flexible, insured',
    kind: 'limiter',
    packageName: 'rate-limiter-flexible',
    settings:
      'the same in an `RLWrapperTimeouts` of 2 s, with a `RateLimiterMemory` as `insuranceLimiter`',
  },
]

const benchFolder = path.resolve(import.meta.dirname, '../../../bench')
const requireFromBench = createRequire(path.join(benchFolder, 'package.json'))

/** A package that is only installed in bench/. @param {string} name @returns {unknown} */
export const loadPeer = (name) => requireFromBench(name)

/** @param {Pick<System, 'packageName' | 'isOurs'>} system */
export function versionOf({ packageName, isOurs }) {
  const file = isOurs
    ? path.join(benchFolder, '../package.json')
    : path.join(benchFolder, 'node_modules', packageName ?? '', 'package.json')
  return String(JSON.parse(readFileSync(file, 'utf8')).version).replace(/^v/, '')
}

/** @param {string} name */
export function findSystem(name) {
  const system = systems.find((one) => one.name === name)
  if (system === undefined) throw new Error(`There is no system called ${name}.`)
  return system
}

/** @type {Record<string, (place: Place) => Promise<PeerQueue>>} */
const queues = {
  'Sluice queue': async (place) => (await import('./sluice.js')).openQueue(place),
  bullmq: async (place) => (await import('./bullmq.js')).openQueue(place),
}
/** @type {Record<string, (place: Place) => Promise<PeerLock>>} */
const locks = {
  'Sluice lock': async (place) => (await import('./sluice.js')).openLock(place),
  'redlock 5': async (place) => (await import('./redlock.js')).openRedlock5(place),
  'redlock 4': async (place) => (await import('./redlock.js')).openRedlock4(place),
}
/** @type {Record<string, (place: Place) => Promise<PeerLimiter>>} */
const limiters = {
  'Sluice limiter': async (place) => (await import('./sluice.js')).openLimiter(place),
  'rate-limiter-flexible': async (place) =>
    (await import('./rate-limiter-flexible.js')).openLimiter(place),
  'rate-limiter-flexible, insured': async (place) =>
    (await import('./rate-limiter-flexible.js')).openInsuredLimiter(place),
}

/** @template Opened @param {Record<string, (place: Place) => Promise<Opened>>} kind */
const openerOf = (kind) => async (/** @type {string} */ name, /** @type {Place} */ place) => {
  const open = kind[name]
  if (open === undefined) throw new Error(`${name} is not one of ${Object.keys(kind).join(', ')}.`)
  return await open(place)
}

export const openQueue = openerOf(queues)
export const openLock = openerOf(locks)
export const openLimiter = openerOf(limiters)
