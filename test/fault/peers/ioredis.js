// @ts-check
// The client that most peers are given: what it tells is heard by the program that owns it.
import { loadPeer } from './systems.js'

/**
 * @typedef {object} Client
 * @property {(event: string, listener: (error?: unknown) => void) => unknown} on
 * @property {(event: string, listener: () => void) => unknown} once
 *
 * @typedef {{Redis: new (options: object) => Client}} Ioredis
 */

/**
 * @param {import('./systems.js').Place} place
 * @param {object} [options]
 */
export async function openClient({ host, port, tell }, options) {
  const { Redis } = /** @type {Ioredis} */ (loadPeer('ioredis'))
  const client = new Redis({ host, port, ...options })
  client.on('error', (error) => tell(`client: ${error}`))
  client.on('close', () => tell('client: the connection was closed'))
  await new Promise((resolve) => client.once('ready', () => resolve(undefined)))
  return client
}
