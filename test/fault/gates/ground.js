// @ts-check
// Where a run takes place: one server that keeps all that it answered, or one SQLite file.
import { connectionKinds, stoppingKinds } from '../locks/faults.js'
import { openSqlite as openFile } from '../queue/ground.js'
import { ALL } from '../queue/history.js'
import { durable, startServer } from '../servers.js'

/** @typedef {import('../queue/ground.js').Place} Place */

/** So that a gate is seen to be free for longer than a dead keeper is missed while all works. */
const CALM_MS = /** @type {const} */ ([2_000, 6_000])

/** @returns {Promise<Place>} */
export async function openRedis() {
  const server = await startServer(durable)
  const { url } = server
  return {
    ...{ url, urlOf: () => url, problem: undefined, calmMs: CALM_MS },
    kindsOf({ chance, fault }) {
      const notes = {
        /** @param {string} what @param {import('../locks/history.js').Effect} effect @param {() => Promise<unknown>} inject */
        fault: (what, effect, inject) => fault(what, effect === 'nothing' ? '' : ALL, inject),
      }
      return [
        [
          ...connectionKinds({ notes, chance }, async () => server),
          ...stoppingKinds({ notes, chance }, server),
        ],
      ]
    },
    async heal() {},
    close: () => server.close(),
  }
}

/** @param {string} folder @returns {Promise<Place>} */
export const openSqlite = async (folder) => ({
  ...(await openFile(folder)),
  calmMs: CALM_MS,
})
