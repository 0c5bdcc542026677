// @ts-check
// One proxied connection: a client, the server behind it, and a lane in each direction.
import { createLane } from './lane.js'

/**
 * What becomes of a connection. `reset` is RST, `close` is FIN, `drop` and `hold` are those of both
 * lanes. `{requests, replies}` treats each direction on its own; a missing one passes.
 *
 * @typedef {import('./lane.js').LaneRule} LaneRule
 * @typedef {import('node:net').Socket} Socket
 * @typedef {'requests' | 'replies'} Direction
 * @typedef {'pass' | 'hold' | 'drop' | 'reset' | 'close' | {requests?: LaneRule, replies?: LaneRule}} Fate
 *
 * @typedef {object} LinkOwner
 * @property {() => number} random
 * @property {(direction: Direction, rule: LaneRule) => boolean} drawsReset
 * @property {(direction: Direction, bytes: number, isDropped: boolean) => void} count
 * @property {() => void} onReset
 * @property {() => void} onEnd both ends are closed
 *
 * @typedef {ReturnType<typeof createLink>} Link
 */

/** @param {Fate} fate @returns {{requests: LaneRule, replies: LaneRule}} */
function rulesOf(fate) {
  if (typeof fate === 'object') return { requests: {}, replies: {}, ...fate }
  const rule = fate === 'hold' || fate === 'drop' ? { flow: fate } : {}
  return { requests: rule, replies: rule }
}

/** Node would wait for a connection that is not there yet, before it resets it. @param {Socket} end */
function breakOff(end) {
  if (end.connecting) end.destroy()
  else end.resetAndDestroy()
}

/**
 * @param {Socket} client
 * @param {Socket | undefined} server
 * @param {LinkOwner} owner
 */
export function createLink(client, server, owner) {
  const { random, drawsReset, count } = owner
  const ends = server === undefined ? [client] : [client, server]
  const reset = () => {
    owner.onReset()
    for (const end of ends) breakOff(end)
  }
  /** @param {Direction} direction @returns {import('./lane.js').LaneOwner} */
  const laneOwner = (direction) => ({
    random,
    drawsReset: (rule) => drawsReset(direction, rule),
    reset,
    count: (bytes, isDropped) => count(direction, bytes, isDropped),
  })
  const requests = createLane(client, server, laneOwner('requests'))
  const replies = server && createLane(server, client, laneOwner('replies'))

  /** @param {Socket} end @param {typeof replies} lane @param {Socket | undefined} other */
  function watch(end, lane, other) {
    // What went wrong with a socket is told by its close; without a handler it would be thrown.
    end.on('error', () => {})
    end.setNoDelay(true)
    end.once('close', (hadError) => {
      // A dead lane brings no news: the other end stays, and does not know.
      if (hadError && other !== undefined && !lane?.isDead()) breakOff(other)
      if (ends.every(({ destroyed }) => destroyed)) owner.onEnd()
    })
  }
  watch(client, requests, server)
  if (server !== undefined) watch(server, replies, client)

  return {
    isDead: () => requests.isDead() || (replies?.isDead() ?? true),
    hasClient: () => !client.destroyed,
    /** @param {Fate} fate */
    follow(fate) {
      if (fate === 'reset') return reset()
      if (fate === 'close') {
        for (const end of ends) end.end()
        return
      }
      const rules = rulesOf(fate)
      requests.follow(rules.requests)
      replies?.follow(rules.replies)
    },
    destroy() {
      requests.die()
      replies?.die()
      for (const end of ends) end.destroy()
    },
  }
}
