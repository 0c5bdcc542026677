// @ts-check
// Counts what clients send to a server. INFO would count what scripts call as well.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { ask } from './server.js'

/** `+1700000000.000001 [0 127.0.0.1:50000] "GET" "key"`, or `[0 lua]` for a call of a script. */
const SENT_BY_CLIENT = /^\+[\d.]+ \[\d+ (?!lua\])([^\]]*)\] "(\w+)"/

/**
 * @typedef {object} Count
 * @property {number} commands without pings
 * @property {number} pings by which a client sees that its connection lives, whatever else it does
 */

/** Addresses of all that are connected now. @param {number} port @returns {Promise<ReadonlySet<string>>} */
export async function connectedClients(port) {
  const list = await ask(port, 'CLIENT LIST')
  return new Set([...list.matchAll(/ addr=(\S+)/g)].map(([, address = '']) => address))
}

/**
 * Counts from now on. Slows the server down: no time is measured meanwhile.
 *
 * @param {number} port
 * @param {ReadonlySet<string>} [others] addresses of clients that are not counted
 * @returns {Promise<() => Promise<Count>>} ends it: what had come until then
 */
export async function countCommands(port, others = new Set()) {
  const socket = connect(port, '127.0.0.1')
  const mark = `mark-${randomUUID()}`
  const count = { commands: 0, pings: 0 }
  let rest = ''
  /** @type {() => void} */
  let sawMark
  const marked = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    sawMark = resolve
  })
  socket.write('MONITOR\r\n')
  await once(socket, 'data')
  socket.on('data', (data) => {
    const lines = (rest + data.toString()).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.includes(mark)) {
        sawMark()
        break
      }
      const [, address = '', command] = SENT_BY_CLIENT.exec(line) ?? []
      if (command === undefined || others.has(address)) continue
      if (command.toLowerCase() === 'ping') count.pings++
      else count.commands++
    }
  })
  return async () => {
    const end = ask(port, `ECHO ${mark}`)
    await marked
    socket.destroy()
    await end
    return count
  }
}
