// @ts-check
// What befalls processes, their connections and their server during a storm.
import { setTimeout as pause } from 'node:timers/promises'
import { killClients } from '../outages/kinds-server.js'
import { send, waitUntil } from '../resp.js'
import { ALL } from './history.js'
import { LEASE_MS, MAX_CRASHES, QUEUES } from './plan.js'

/**
 * @typedef {import('../server.js').Server} Server
 * @typedef {import('../locks/faults.js').Kind} Kind
 *
 * @typedef {object} Scene
 * @property {import('./crew.js').Crew} crew
 * @property {import('./crew.js').Chance} chance
 * @property {(what: string, hit: string, inject: () => Promise<unknown>) => Promise<void>} fault
 *
 * @typedef {{exec: (sql: string) => void, close: () => void}} Database
 *
 * @typedef {object} Ground servers and the proxies in front of them
 * @property {() => Server} master
 * @property {() => Promise<void>} failOver
 * @property {(place: string) => import('../proxy.js').FaultProxy} proxyOf
 * @property {((ms: number) => void) | undefined} stepClock ahead, or back
 */

const SWITCH_MS = 10_000
/** Many write to it, and who asks again now and then is rarely in time. */
const FREE_MS = 60_000
const ANOTHER_PASSWORD = 'another'

/** Longer than the lease, or shorter. @param {Scene} scene */
const drawStop = ({ chance }) =>
  chance.whole(300, chance.next() < 0.5 ? LEASE_MS.worked : LEASE_MS.worked + 1_500)

/** @param {Scene} scene @returns {Kind[]} */
export function processKinds(scene) {
  const { crew, chance, fault } = scene
  /** @param {'worker' | 'producer'} role @param {string} what @param {(place: string) => Promise<unknown>} inject */
  const one = (role, what, inject) => () => {
    const place = crew.pick(role)
    return fault(`${what} (${place})`, place, () => inject(place))
  }
  /** @param {import('./lanes.js').Death} dieAt @param {string} what */
  const dying = (dieAt, what) => one('worker', what, async (place) => crew.tell(place, { dieAt }))
  /** @param {import('./plan.js').Nature} nature @param {number} size @param {string} what @param {number} ms */
  const hostile = (nature, size, what, ms) => () => {
    const place = crew.pick('producer')
    return fault(what, '', async () => {
      crew.tell(place, { add: { nature, size } })
      await pause(ms)
    })
  }
  return [
    one('worker', 'F1 kill -9 of a worker in the middle of a job', crew.kill),
    dying('done', 'F2 kill -9 of a worker before it acknowledges'),
    dying('acknowledging', 'F2 kill -9 of a worker while it acknowledges'),
    one('worker', 'F3 close of a worker under load', async (place) => {
      const end = await crew.replace(place)
      if (end.exit !== 0 && end.exit !== 'SIGKILL') throw new Error(`${end.who} ended: ${end.exit}`)
    }),
    () => {
      const [place, ms] = [crew.pick('worker'), drawStop(scene)]
      const what = `F4 SIGSTOP of a worker for ${ms} ms (${place})`
      return fault(what, place, () => crew.stop(place, ms))
    },
    () => {
      const [place, freezeMs] = [crew.pick('worker'), drawStop(scene)]
      return fault(`F5 event loop blocked for ${freezeMs} ms (${place})`, place, async () => {
        crew.tell(place, { freezeMs })
        await pause(freezeMs)
      })
    },
    // Each crash takes a lease to be noticed; the next faults do not wait for all of them.
    hostile('poison', 1, `F6 a job that kills its worker, ${MAX_CRASHES + 1} times`, 0),
    hostile('bad', 20, 'F7 20 jobs that throw what is no error', 0),
    hostile('hanging', 10, 'F7 10 jobs that never end', chance.whole(0, 500)),
    one('producer', 'F8 kill -9 of a producer in the middle of an add', crew.kill),
    one('producer', 'F13 SIGSTOP of a producer', (place) =>
      crew.stop(place, chance.whole(300, 3_000)),
    ),
  ]
}

/** @param {Scene} scene @param {Ground} ground @returns {Kind[]} */
export function networkKinds({ crew, chance, fault }, { proxyOf }) {
  /** @param {string} code @param {keyof typeof import('../proxy.js').outages} outage @param {number} most */
  const cut = (code, outage, most = 3_000) => {
    return () => {
      const ms = chance.whole(200, most)
      const place = crew.pick(chance.next() < 0.8 ? 'worker' : 'producer')
      return fault(`${code} ${outage} for ${ms} ms (${place})`, place, async () => {
        const proxy = proxyOf(place)
        await proxy.fail(outage)
        await pause(ms)
        await proxy.pass()
        proxy.forgetDead()
      })
    }
  }
  return [
    cut('F33', 'slow'),
    cut('F34', 'blackhole'),
    cut('F34', 'frozen'),
    cut('F34', 'refused'),
    cut('F35', 'halfOpen'),
    cut('F35', 'unanswered'),
    cut('F36', 'resetsBeforeReply'),
    cut('F36', 'mute'),
    cut('F36', 'deaf'),
    cut('F37', 'truncated'),
    cut('F37', 'stalled'),
    cut('F37', 'dripping'),
  ]
}

/** @param {Scene} scene @param {Ground} ground @returns {Kind[]} */
export function serverKinds(scene, ground) {
  const { chance, fault } = scene
  const { master } = ground
  const drawMs = () => chance.whole(300, 2_500)
  /** @param {string} what @param {() => Promise<unknown>} inject */
  const one = (what, inject) => () => fault(what, ALL, inject)
  /** @param {string} what @param {(string | number)[]} setting @param {string | number} normal */
  const set = (what, setting, normal) => () => {
    const ms = drawMs()
    return fault(`${what} for ${ms} ms`, ALL, async () => {
      await master().command('CONFIG', 'SET', ...setting)
      await pause(ms)
      await master().command('CONFIG', 'SET', setting[0] ?? '', normal)
    })
  }
  return [
    one('F9 kill -9 of the server, and a restart', async () => {
      await master().kill()
      await pause(chance.whole(0, 1_000))
      await master().restart()
    }),
    one('F9 orderly restart of the server', async () => {
      await master().stop()
      await master().restart()
    }),
    one('F13 SIGSTOP of the server', async () => {
      master().pause()
      await pause(drawMs())
      master().resume()
    }),
    one('F14 somebody else’s script keeps the server busy', async () => {
      const foreign = master().command('EVAL', 'while true do end', 0)
      foreign.catch(() => {})
      await pause(drawMs())
      await waitUntil('the script ends', SWITCH_MS, () => master().command('SCRIPT', 'KILL'))
    }),
    () =>
      fault('F15 SCRIPT FLUSH, 20 times', '', async () => {
        for (let count = 0; count < 20; count++) {
          await master().command('SCRIPT', 'FLUSH')
          await pause(chance.whole(1, 50))
        }
      }),
    set('F16 no memory left', ['maxmemory', 1], 0),
    set('F18 writes refused for want of replicas', ['min-replicas-to-write', 2], 0),
    one('F19 CLIENT KILL of all connections', () => killClients(master())),
    one('F19 CLIENT KILL TYPE pubsub', () => master().command('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    () => {
      const [ms, what] = [drawMs(), chance.next() < 0.5 ? 'ALL' : 'WRITE']
      return fault(`F20 CLIENT PAUSE ${ms} ${what}`, ALL, async () => {
        await master().command('CLIENT', 'PAUSE', ms, what)
        await pause(ms)
      })
    },
    set('F21 connections closed that are idle for a second', ['timeout', 1], 0),
    one('F23 another password, and no connection left', async () => {
      const { host, port } = master()
      await master().command('ACL', 'SETUSER', 'default', 'resetpass', `>${ANOTHER_PASSWORD}`)
      const ask = (/** @type {(string | number)[]} */ ...words) =>
        send({ host, port, password: ANOTHER_PASSWORD }, words)
      await ask('CLIENT', 'KILL', 'TYPE', 'normal')
      await pause(drawMs())
      await ask('ACL', 'SETUSER', 'default', 'nopass')
    }),
    one('F25 a replica takes over, with the sockets alive', ground.failOver),
    one('F41 the wake-up token is lost', () =>
      master().command(
        'DEL',
        ...Object.values(QUEUES).map((name) => `sluice:queue:{${name}}:wake`),
      ),
    ),
    ...clockKinds(scene, ground),
  ]
}

/** @param {Scene} scene @param {Ground} ground @returns {Kind[]} */
function clockKinds({ chance, fault }, { stepClock }) {
  if (!stepClock) return []
  const step = (/** @type {number} */ least, /** @type {number} */ most) => () => {
    const ms = chance.whole(least, most)
    return fault(`F39 clock of the server set by ${ms} ms`, ALL, async () => stepClock(ms))
  }
  return [step(500, 120_000), step(-300_000, -500)]
}

/** What another program does to the file. @param {Scene} scene @param {() => Promise<Database>} openFile @returns {Kind[]} */
export function fileKinds({ chance, fault }, openFile) {
  /** @param {string} what @param {string} hit @param {readonly string[]} first @param {number} most */
  const hold = (what, hit, first, most) => () => {
    const ms = chance.whole(200, most)
    return fault(`${what} for ${ms} ms`, hit, async () => {
      const database = await openWith(openFile, first)
      await pause(ms)
      database.exec('ROLLBACK')
      database.close()
    })
  }
  const writing = ['PRAGMA busy_timeout = 0', 'BEGIN IMMEDIATE']
  const reading = ['BEGIN', 'SELECT count(*) FROM job']
  return [
    hold('S4 another program writes', ALL, writing, 2_500),
    // Nobody waits for it.
    hold('S5 another program reads, and nothing can be checkpointed', '', reading, 5_000),
  ]
}

/**
 * What waits in line inside SQLite would keep this process from all else: it is tried again.
 *
 * @param {() => Promise<Database>} openFile
 * @param {readonly string[]} statements
 */
async function openWith(openFile, statements) {
  /** @type {Database | undefined} */
  let opened
  await waitUntil('the file is free', FREE_MS, async () => {
    const database = await openFile()
    try {
      for (const sql of statements) database.exec(sql)
      opened = database
    } finally {
      if (!opened) database.close()
    }
    return true
  })
  if (!opened) throw new Error('the file was not opened')
  return opened
}
