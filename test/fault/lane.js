// @ts-check
// One direction of a proxied connection: what happens to its bytes on their way.

/**
 * What one direction does to its bytes; everything may be combined. A packet is what one read
 * from the socket gave, which for small requests and replies is one of them.
 *
 * @typedef {object} LaneRule
 * @property {'pass' | 'hold' | 'drop'} [flow] `hold` stops reading, so that the sender fills up as
 *   before a stopped peer, and delivers later. `drop` reads and forgets, and is for ever: TCP never
 *   loses bytes from the middle of a stream, so a lane that lost some can only stay dead.
 * @property {number} [delayMs] how long each packet is under way
 * @property {number} [jitterMs] up to so much longer; the order stays
 * @property {number} [resetEvery] at every n-th packet of the proxy, both ends are reset instead
 * @property {number} [resetChance] the same for a random share of the packets, 0 to 1
 * @property {boolean} [garble] each packet is replaced by as many random bytes
 * @property {string} [preface] comes in front of each packet: an answer that nobody gave, or half of one
 * @property {number} [truncateTo] of each packet only so many bytes pass
 * @property {'close' | 'silence' | 'pass'} [afterTruncation] what follows: FIN (the default),
 *   nothing for ever, or the next packet as if nothing had happened
 * @property {number} [dripMs] one byte at a time, so long apart
 *
 * @typedef {object} LaneOwner
 * @property {() => number} random 0 to below 1
 * @property {(rule: LaneRule) => boolean} drawsReset asked once for each packet
 * @property {() => void} reset ends both ends of the connection by RST
 * @property {(bytes: number, isDropped: boolean) => void} count
 *
 * @typedef {object} Parcel
 * @property {Buffer | null} bytes null for the end of the stream
 * @property {number} dueMs
 * @property {number} restMs how long nothing may follow it, however late it is itself
 *
 * @typedef {ReturnType<typeof createLane>} Lane
 */

// Beyond it the source is no longer read, so that a slow lane costs no more memory than this.
const bufferLimitBytes = 1 << 20

/**
 * @param {import('node:net').Socket} source
 * @param {import('node:net').Socket | undefined} sink none for a lane that is dead from the start
 * @param {LaneOwner} owner
 */
export function createLane(source, sink, owner) {
  /** @type {LaneRule} */
  let rule = {}
  let isDead = sink === undefined
  /** @type {Parcel[]} */
  let parcels = []
  let queuedBytes = 0
  let lastDueMs = 0
  let freeMs = 0
  let hasWaitingSink = false
  /** @type {NodeJS.Timeout | undefined} */
  let timer

  const isHeld = () => !isDead && rule.flow === 'hold'

  function adjustReading() {
    const isStuffed = !isDead && (hasWaitingSink || queuedBytes >= bufferLimitBytes)
    if (isHeld() || isStuffed) source.pause()
    else source.resume()
  }

  function die() {
    isDead = true
    parcels = []
    queuedBytes = 0
    clearTimeout(timer)
    timer = undefined
  }

  /** @param {Buffer | null} bytes @param {number} [afterMs] @param {number} [restMs] */
  function send(bytes, afterMs = 0, restMs = 0) {
    lastDueMs = Math.max(lastDueMs, performance.now() + afterMs)
    parcels.push({ bytes, dueMs: lastDueMs, restMs })
    queuedBytes += bytes?.length ?? 0
  }

  /** @param {Buffer | null} bytes */
  function deliver(bytes) {
    if (sink === undefined || sink.writableEnded || sink.destroyed) return
    if (bytes === null) return void sink.end()
    hasWaitingSink = !sink.write(bytes)
  }

  function pump() {
    clearTimeout(timer)
    timer = undefined
    while (!isDead && !isHeld() && !hasWaitingSink) {
      const next = parcels[0]
      if (next === undefined) break
      const nowMs = performance.now()
      const waitMs = Math.max(next.dueMs, freeMs) - nowMs
      if (waitMs > 0) {
        timer = setTimeout(pump, waitMs)
        break
      }
      freeMs = nowMs + next.restMs
      parcels.shift()
      queuedBytes -= next.bytes?.length ?? 0
      deliver(next.bytes)
    }
    adjustReading()
  }

  /** @param {Buffer} packet */
  function receive(packet) {
    owner.count(packet.length, isDead)
    if (isDead) return
    if (owner.drawsReset(rule)) return owner.reset()
    const isCut = rule.truncateTo !== undefined && rule.truncateTo < packet.length
    const rest = isCut ? packet.subarray(0, rule.truncateTo) : packet
    const sound =
      rule.preface === undefined ? rest : Buffer.concat([Buffer.from(rule.preface), rest])
    const bytes = rule.garble ? Buffer.from(sound.map(() => owner.random() * 256)) : sound
    const delayMs = (rule.delayMs ?? 0) + owner.random() * (rule.jitterMs ?? 0)
    if (rule.dripMs === undefined) send(bytes, delayMs)
    else for (const byte of bytes) send(Buffer.from([byte]), delayMs, rule.dripMs)
    const after = isCut ? (rule.afterTruncation ?? 'close') : 'pass'
    if (after === 'close') send(null)
    pump()
    if (after === 'silence') die()
  }

  function finish() {
    // The other side never learns of it, and stays as it is.
    if (isDead) return void source.destroy()
    send(null)
    pump()
  }

  source.on('data', receive)
  source.once('end', finish)
  sink?.on('drain', () => {
    hasWaitingSink = false
    pump()
  })

  return {
    isDead: () => isDead,
    die,
    /** @param {LaneRule} next */
    follow(next) {
      rule = next
      if (rule.flow === 'drop') die()
      pump()
    },
  }
}
