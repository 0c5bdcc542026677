// @ts-check
// A node as the contract of lock stores has it, with a clock of its own, that can lose its data. It
// has no line: nobody waits at a node of a Redlock.

/**
 * @typedef {ReturnType<typeof createNode>} Node
 * @typedef {{owner: string, sinceUs: number, untilUs: number, fence: number}} Held
 */

/**
 * @param {import('./world.js').World} world
 * @param {{rate: number, offsetMs: number}} clock how fast it runs, and how far ahead of the world it is
 */
export function createNode(world, { rate, offsetMs }) {
  /** @type {Map<string, Held>} */
  const locks = new Map()
  /** @type {Map<string, number>} */
  const fences = new Map()
  /** Of those who left: what of theirs arrives late is refused. @type {Set<string>} */
  const gone = new Set()
  let stepMs = 0
  let startedMs = Number.NEGATIVE_INFINITY
  let run = 1
  let isUp = true
  const nowUs = () => Math.floor((world.nowMs() * rate + offsetMs + stepMs) * 1_000)

  /** @param {string} name */
  function held(name) {
    const lock = locks.get(name)
    return lock && lock.untilUs > nowUs() ? lock : undefined
  }
  /** @param {Held | undefined} lock */
  const holderOf = (lock) =>
    lock
      ? {
          owner: lock.owner,
          sinceMs: lock.sinceUs / 1_000,
          remainingMs: (lock.untilUs - nowUs()) / 1_000,
        }
      : null
  /** @param {string} name @param {string} owner */
  function free(name, owner) {
    if (held(name)?.owner !== owner) return false
    locks.delete(name)
    return true
  }

  return {
    get run() {
      return run
    },
    get isUp() {
      return isUp
    },
    /** For how long it has run, by its own clock. */
    uptimeMs: () => (world.nowMs() - startedMs) * rate,
    /** @param {number} ms */
    step(ms) {
      stepMs += ms
    },
    /** It ends, and begins anew. @param {number} downMs @param {boolean} isEmpty */
    restart(downMs, isEmpty) {
      if (!isUp) return
      isUp = false
      world.after(downMs, () => {
        isUp = true
        run++
        startedMs = world.nowMs()
        if (!isEmpty) return
        locks.clear()
        fences.clear()
        gone.clear()
      })
    },
    /** @param {{name: string, owner: string, ttlMs: number}} request */
    acquire({ name, owner, ttlMs }) {
      if (gone.has(owner)) return { tag: 'refused' }
      const before = held(name)
      if (before && before.owner !== owner) {
        return { tag: 'held', waiterCount: 0, holder: holderOf(before) }
      }
      const now = nowUs()
      const fence = before?.fence ?? Math.max((fences.get(name) ?? 0) + 1, now)
      fences.set(name, fence)
      const sinceUs = before?.sinceUs ?? now
      locks.set(name, { owner, sinceUs, untilUs: now + ttlMs * 1_000, fence })
      return { tag: 'acquired', fence }
    },
    /** @param {{name: string, owner: string, ttlMs: number}} request */
    renew({ name, owner, ttlMs }) {
      const lock = held(name)
      if (lock?.owner !== owner) return { tag: 'lost' }
      lock.untilUs = nowUs() + ttlMs * 1_000
      return { tag: 'renewed' }
    },
    /** @param {{name: string, owner: string}} request */
    release: ({ name, owner }) => ({ tag: free(name, owner) ? 'released' : 'lost' }),
    /** @param {{name: string, owner: string}} request */
    leave({ name, owner }) {
      free(name, owner)
      gone.add(owner)
    },
    /** @param {{name: string, owner: string, fence: number}} request */
    raiseFence({ name, owner, fence }) {
      const lock = held(name)
      if (lock?.owner !== owner) return 'lost'
      lock.fence = Math.max(lock.fence, fence)
      fences.set(name, lock.fence)
      return 'raised'
    },
    /** @param {string} name */
    inspect(name) {
      const lock = held(name)
      const holder = lock ? { ...holderOf(lock), fence: lock.fence, metadata: '' } : null
      return { name, holder, waiters: [] }
    },
  }
}
