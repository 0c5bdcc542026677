// @ts-check
// A TCP proxy that fails on demand, in every way a network or a server does.
import { connect, createServer } from 'node:net'
import { findPort } from '../../scripts/ports.js'
import { createLink } from './link.js'

/**
 * @typedef {import('./lane.js').LaneRule} LaneRule
 * @typedef {import('./link.js').Fate} Fate
 * @typedef {import('./link.js').Link} Link
 *
 * @typedef {object} Outage
 * @property {Fate | 'keep'} [old] for the connections there are; `keep`, the default, changes nothing
 * @property {Fate | 'refuse'} [fresh] for new ones, `pass` by default. `refuse` closes the port;
 *   `drop` accepts, and never says a word.
 *
 * @typedef {{host?: string, port: number}} Address
 *
 * @typedef {object} ProxyOptions
 * @property {Address} to
 * @property {number} [port]
 * @property {string} [host] where to listen; 127.0.0.1
 * @property {() => number} [random] for jitter, chances and garbage; give a seeded one to repeat a run
 * @property {(remoteAddress: string) => boolean} [spares] peers whose connections never fail. With
 *   it, `refuse` resets on accept instead, since a closed port would refuse these as well.
 *
 * @typedef {object} Counts
 * @property {number} connections accepted so far
 * @property {number} open connections whose client is still there, dead ones included
 * @property {number} ghosts connections whose client is gone and whose server does not know
 * @property {number} resets connections ended by RST by this proxy
 * @property {number} requestBytes
 * @property {number} replyBytes
 * @property {number} droppedBytes
 *
 * @typedef {Awaited<ReturnType<typeof startProxy>>} FaultProxy
 */

/** @type {LaneRule} */
const dropping = { flow: 'drop' }
/** The same for the connections there are and for new ones. @param {Fate} fate @returns {Outage} */
export const everyConnection = (fate) => ({ old: fate, fresh: fate })

/**
 * The outages worth a name. Connections that lost bytes stay dead after healing, as those behind a
 * router that forgot them; only `frozen` and `slow` give everything back.
 */
export const outages = {
  /** The server is gone: RST, and nobody listens. */
  refused: /** @type {Outage} */ ({ old: 'reset', fresh: 'refuse' }),
  /** RST for all, and for new ones as soon as they are accepted. */
  reset: everyConnection('reset'),
  /** An orderly end for all, and for new ones as soon as they are accepted. */
  closed: everyConnection('close'),
  /** Nothing comes through, nothing is closed; what connects meanwhile is dead for ever too. */
  blackhole: everyConnection('drop'),
  /** The connections there are die silently; new ones work. */
  halfOpen: /** @type {Outage} */ ({ old: 'drop' }),
  /** New connections are accepted and never answered; old ones work. */
  unanswered: /** @type {Outage} */ ({ fresh: 'drop' }),
  /** As a stopped server: all is delivered after healing. */
  frozen: everyConnection('hold'),
  /** Requests take effect, replies vanish. */
  mute: everyConnection({ replies: dropping }),
  /** Requests vanish. */
  deaf: everyConnection({ requests: dropping }),
  /** Every fifth reply is replaced by RST: its request has taken effect. */
  resetsBeforeReply: everyConnection({ replies: { resetEvery: 5 } }),
  /** 300 to 500 ms each way. */
  slow: everyConnection({
    requests: { delayMs: 300, jitterMs: 200 },
    replies: { delayMs: 300, jitterMs: 200 },
  }),
  /** Replies are random bytes. */
  garbage: everyConnection({ replies: { garble: true } }),
  /** Replies end after two bytes, and the connection with them. */
  truncated: everyConnection({ replies: { truncateTo: 2 } }),
  /** Replies end after two bytes, and nothing follows. */
  stalled: everyConnection({ replies: { truncateTo: 2, afterTruncation: 'silence' } }),
  /** Replies come one byte at a time. */
  dripping: everyConnection({ replies: { dripMs: 1 } }),
}

/**
 * Listens on this machine, and passes everything on until it is told to fail.
 *
 * @param {ProxyOptions} options
 */
export async function startProxy(options) {
  const { host = '127.0.0.1', random = Math.random, spares = () => false } = options
  const port = options.port ?? (await findPort())
  let target = options.to
  /** @type {Fate | 'refuse'} */
  let fresh = 'pass'
  /** @type {Set<Link>} */
  const links = new Set()
  /** @type {Set<Link>} */
  const sparedLinks = new Set()
  const counts = { connections: 0, resets: 0, requestBytes: 0, replyBytes: 0, droppedBytes: 0 }
  const packets = { requests: 0, replies: 0 }

  /** @param {'requests' | 'replies'} direction @param {LaneRule} rule */
  function drawsReset(direction, { resetEvery, resetChance }) {
    packets[direction] += 1
    if (resetEvery !== undefined && packets[direction] % resetEvery === 0) return true
    return resetChance !== undefined && random() < resetChance
  }

  /** @param {'requests' | 'replies'} direction @param {number} bytes @param {boolean} isDropped */
  function count(direction, bytes, isDropped) {
    if (isDropped) counts.droppedBytes += bytes
    else counts[direction === 'requests' ? 'requestBytes' : 'replyBytes'] += bytes
  }

  /** @param {import('node:net').Socket} client */
  function accept(client) {
    counts.connections += 1
    const isSpared = spares(client.remoteAddress ?? '')
    const fate = isSpared ? 'pass' : fresh === 'refuse' ? 'reset' : fresh
    // What never answers needs nobody behind it, and a client sent away neither.
    const isServed = fate !== 'drop' && fate !== 'reset' && fate !== 'close'
    const server = isServed
      ? connect({ host: '127.0.0.1', ...target, allowHalfOpen: true })
      : undefined
    const link = createLink(client, server, {
      random,
      drawsReset,
      count,
      onReset: () => {
        counts.resets += 1
      },
      onEnd: () => {
        links.delete(link)
        sparedLinks.delete(link)
      },
    })
    const set = isSpared ? sparedLinks : links
    set.add(link)
    link.follow(fate)
  }

  const listener = createServer({ allowHalfOpen: true }, accept)
  const listen = () =>
    new Promise((resolve, reject) => {
      if (listener.listening) return resolve(undefined)
      listener.once('error', reject)
      listener.listen(port, host, () => {
        listener.off('error', reject)
        resolve(undefined)
      })
    })
  await listen()

  /** @param {Outage | keyof typeof outages} outage */
  async function fail(outage) {
    /** @type {Outage} */
    const { old = 'keep', fresh: next = 'pass' } =
      typeof outage === 'string' ? outages[outage] : outage
    fresh = next
    // The port is closed at once, and the callback would wait for the last connection.
    if (fresh === 'refuse' && options.spares === undefined) listener.close()
    else await listen()
    if (old === 'keep') return
    for (const link of links) link.follow(old)
  }

  return {
    port,
    host,
    /** Begins an outage, in place of the one before. Settles when new connections see it too. */
    fail,
    /** Ends the outage: what was held is delivered; connections that lost bytes stay dead. */
    pass: () => fail({ old: 'pass', fresh: 'pass' }),
    /** Resets the dead connections at both ends, as a keepalive does that gives up. */
    forgetDead() {
      for (const link of links) if (link.isDead()) link.follow('reset')
    },
    /** New connections go elsewhere. @param {Address} to */
    retarget(to) {
      target = to
    },
    /** @returns {Counts} */
    get counts() {
      const withClient = [...links, ...sparedLinks].filter((link) => link.hasClient())
      const open = withClient.length
      return { ...counts, open, ghosts: links.size + sparedLinks.size - open }
    },
    /** Ends all connections, dead and alive, and the port. */
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve))
      for (const link of [...links, ...sparedLinks]) link.destroy()
      await closed
    },
  }
}
