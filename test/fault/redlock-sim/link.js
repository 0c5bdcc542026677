// @ts-check
// The way of one client to one node: requests and answers are late, lost, or met by a node that has
// begun anew. It is what a Redlock takes for a node.

/**
 * @typedef {import('./world.js').World} World
 * @typedef {import('./world.js').Process} Process
 * @typedef {import('./node.js').Node} Node
 * @typedef {import('../../../src/redlock/node.ts').QuorumNode} QuorumNode
 * @typedef {import('../../../src/redlock/node.ts').NodeServer} NodeServer
 *
 * @typedef {object} Weather
 * @property {() => number} delayMs one way
 * @property {() => boolean} isLost
 *
 * @typedef {object} LinkOptions
 * @property {World} world
 * @property {Process} process of the client
 * @property {import('../../../src/clock.ts').Clock} clock of the client
 * @property {Node} node
 * @property {string} place
 * @property {Weather} weather
 * @property {number} callTimeoutMs after which a call is given up
 * @property {boolean} tellsRestarts false to see what becomes of it where nobody knows of restarts
 * @property {(message: string) => Error} failure of a call whose outcome is unknown
 */

const never = Number.NEGATIVE_INFINITY

/** @param {LinkOptions} options @returns {QuorumNode & {cut: (forMs: number) => void}} */
export function createLink(options) {
  const { world, process, clock, node, place, weather, callTimeoutMs, failure } = options
  /** @type {NodeServer | null} */
  let server = null
  let run = 0
  let away = ''
  let isCut = false
  /** @type {Promise<void> | null} */
  let meeting = null
  /** @type {Set<() => void>} */
  const doubts = new Set()
  const hasFailed = () => isCut || weather.isLost()

  /** Finds out who answers there; tries again until somebody does. */
  function connect() {
    meeting ??= new Promise((resolve) => {
      const attempt = () => {
        const again = () => world.after(weather.delayMs() + 5, attempt, process)
        world.after(weather.delayMs(), () => {
          if (!node.isUp || hasFailed()) return again()
          const [found, uptimeMs] = [node.run, node.uptimeMs()]
          world.after(weather.delayMs(), () => greet(found, uptimeMs, resolve), process)
        })
      }
      attempt()
    })
    return meeting
  }

  /** @param {number} found @param {number} uptimeMs @param {(value: void) => void} resolve */
  function greet(found, uptimeMs, resolve) {
    // Whoever counts from when the answer came calls it younger than it is.
    const startedAtMs = options.tellsRestarts ? clock.monotonicMs() - uptimeMs : never
    const isFirst = run === 0
    run = found
    server = { id: place, startedAtMs, inCluster: false }
    away = ''
    meeting = null
    if (!isFirst) for (const tell of doubts) tell()
    resolve()
  }

  function lose() {
    away = 'the connection was closed'
    void connect()
  }

  /** @template T @param {() => T} ask @returns {Promise<T & {sentAtMs: number}>} */
  function call(ask) {
    const sentAtMs = clock.monotonicMs()
    const onRun = run
    return new Promise((resolve, reject) => {
      if (away !== '') return reject(failure(away))
      const giveUp = clock.after(callTimeoutMs, () => reject(failure('no answer in time')))
      world.after(weather.delayMs(), () => {
        if (hasFailed()) return
        if (!node.isUp || node.run !== onRun) {
          // Whoever is not there any more is missed when something is sent to it.
          world.after(
            weather.delayMs(),
            () => {
              giveUp.cancel()
              if (away === '' && run === onRun) lose()
              reject(failure('the connection was closed'))
            },
            process,
          )
          return
        }
        const answer = ask()
        const isAnswerLost = weather.isLost()
        world.after(
          weather.delayMs(),
          () => {
            if (isAnswerLost || isCut) return
            giveUp.cancel()
            resolve(
              typeof answer === 'object' ? { ...answer, sentAtMs } : /** @type {any} */ (answer),
            )
          },
          process,
        )
      })
    })
  }

  /** @type {any} */
  const store = {
    acquire: (/** @type {any} */ request) => call(() => node.acquire(request)),
    renew: (/** @type {any} */ request) => call(() => node.renew(request)),
    release: (/** @type {any} */ request) => call(() => node.release(request)),
    leave: (/** @type {any} */ request) => call(() => node.leave(request)),
    raiseFence: (/** @type {any} */ request) => call(() => node.raiseFence(request)),
    inspect: (/** @type {string} */ name) => call(() => node.inspect(name)),
    onGrant: () => () => {},
    onForced: () => () => {},
    onDoubt(/** @type {() => void} */ tell) {
      doubts.add(tell)
      return () => doubts.delete(tell)
    },
    resetSince: () => null,
  }
  return {
    ...{ place, store },
    server: () => server,
    away: () => (away === '' ? null : away),
    meet: connect,
    /** Nothing comes through. @param {number} forMs */
    cut(forMs) {
      isCut = true
      world.after(forMs, () => {
        isCut = false
      })
    },
  }
}
