// @ts-check
// Where the competitors of a bench work: a fresh Redis server, or a folder for database files.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { emptyServer, startServer } from './server.js'

/**
 * @typedef {object} Place
 * @property {string} argument what `open` of a competitor gets: a port, several with commas between
 *   them, or a folder
 * @property {boolean} hasServer
 * @property {string} description for the table
 * @property {() => Promise<void>} empty
 * @property {() => Promise<void>} stop
 */

/** @param {'redis' | 'sqlite'} engine @param {number} [servers] @returns {Promise<Place>} */
export async function openPlace(engine, servers = 1) {
  return engine === 'redis' ? openServers(servers) : openFolder()
}

/** @param {number} count @returns {Promise<Place>} */
async function openServers(count) {
  const first = await startServer()
  const servers = [first]
  while (servers.length < count) servers.push(await startServer())
  const times = count === 1 ? '' : `${count} × `
  return {
    argument: servers.map(({ port }) => port).join(),
    hasServer: true,
    description: `${times}redis-server ${first.version} ${settingsLine(first.settings)}`,
    async empty() {
      for (const { port } of servers) await emptyServer(port)
    },
    async stop() {
      for (const { stop } of servers) await stop()
    },
  }
}

/** In the folder for temporary files, so that TMPDIR chooses the disk. @returns {Place} */
function openFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  return {
    argument: folder,
    hasServer: false,
    description: `files below ${tmpdir()}`,
    async empty() {
      for (const name of readdirSync(folder)) rmSync(path.join(folder, name), { recursive: true })
    },
    async stop() {
      remove()
      process.off('exit', remove)
    },
  }
}

/** As a shell would take them. @param {readonly string[]} settings */
const settingsLine = (settings) => settings.map((word) => (word === '' ? "''" : word)).join(' ')
