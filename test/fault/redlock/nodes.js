// @ts-check
// Five servers, each behind a proxy, and what befalls one or two of them at a time.
import { setTimeout as pause } from 'node:timers/promises'
import { startStandalone } from '../standalone.js'
import { NODES } from './plan.js'

/**
 * @typedef {Awaited<ReturnType<typeof startNodes>>} Nodes
 * @typedef {import('../standalone.js').Standalone} Standalone
 */

const SLOW = { delayMs: 20, jitterMs: 180 }

export async function startNodes() {
  const all = await Promise.all(
    Array.from({ length: NODES }, () => startStandalone({ proxied: true })),
  )
  return {
    all,
    url: all.map(({ url }) => url).join(','),
    close: async () => void (await Promise.all(all.map((node) => node.close()))),
  }
}

/** @param {Standalone} node @param {import('../proxy.js').Outage | 'blackhole' | 'refused'} outage @param {number} ms */
async function failFor(node, outage, ms) {
  await node.fail(outage)
  await pause(ms)
  await node.pass()
  for (const proxy of node.proxies) proxy.forgetDead()
}

/** @type {readonly {name: string, longestMs: number, inject: (node: Standalone, ms: number) => Promise<void>}[]} */
const KINDS = [
  {
    name: 'killed, and back without data',
    longestMs: 1_000,
    async inject({ nodes: [server] }, ms) {
      await server?.kill()
      await pause(ms)
      await server?.restart({ empty: true })
    },
  },
  {
    name: 'stopped',
    longestMs: 2_500,
    async inject({ nodes: [server] }, ms) {
      server?.pause()
      await pause(ms)
      server?.resume()
    },
  },
  {
    name: 'slow',
    longestMs: 3_000,
    inject: (node, ms) => {
      const rules = { requests: SLOW, replies: SLOW }
      return failFor(node, { old: rules, fresh: rules }, ms)
    },
  },
  {
    name: 'cut off',
    longestMs: 3_000,
    inject: (node, ms) => failFor(node, 'blackhole', ms),
  },
  {
    name: 'refusing connections',
    longestMs: 1_500,
    inject: (node, ms) => failFor(node, 'refused', ms),
  },
]

/**
 * Each kind befalls each node alone, and pairs of them.
 *
 * @param {Pick<import('../locks/faults.js').Scene, 'notes' | 'chance'>} scene
 * @param {Nodes} nodes
 * @returns {import('../locks/faults.js').Kind[]}
 */
export function nodeKinds({ notes, chance }, { all }) {
  return KINDS.flatMap(({ name, longestMs, inject }) =>
    [1, 2].map((count) => async () => {
      const first = chance.whole(0, all.length - 1)
      const second = (first + chance.whole(1, all.length - 1)) % all.length
      const ms = chance.whole(100, longestMs)
      const chosen = [first, second].slice(0, count)
      const who = chosen.map((index) => index + 1).join(' and ')
      await notes.fault(`node ${who} ${name} for ${ms} ms`, 'nothing', () =>
        Promise.all(chosen.map((index) => inject(/** @type {Standalone} */ (all[index]), ms))),
      )
    }),
  )
}
