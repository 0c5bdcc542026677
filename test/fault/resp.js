// @ts-check
// Just enough of the Redis protocol to set servers up, without any of the clients under test.
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * @typedef {string | number | null | unknown[]} Reply
 *
 * @typedef {object} Endpoint
 * @property {number} port
 * @property {string} [host]
 * @property {string} [password]
 * @property {string} [ca] speaks TLS, and trusts this authority
 */

const timeoutMs = 5_000

/**
 * Sends commands on a connection of their own, and gives the answer to the last one. An error reply
 * to any of them is thrown.
 *
 * @param {Endpoint} endpoint
 * @param {(string | number)[][]} commands
 * @returns {Promise<Reply>}
 */
export function send(endpoint, ...commands) {
  const { host = '127.0.0.1', port, password, ca } = endpoint
  const all = password === undefined ? commands : [['AUTH', password], ...commands]
  return new Promise((resolve, reject) => {
    const socket = ca === undefined ? connect({ host, port }) : connectTls({ host, port, ca })
    let text = ''
    /** @param {unknown} error */
    const fail = (error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => {
      const names = commands.map(([name]) => name).join(', ')
      fail(new Error(`${host}:${port} did not answer ${names} within ${timeoutMs} ms.`))
    })
    socket.once('error', fail)
    socket.once('close', () => fail(new Error(`${host}:${port} closed the connection.`)))
    // One character per byte: lengths in the protocol are bytes.
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk
      try {
        const replies = readAll(text, all.length)
        if (replies === undefined) return
        resolve(replies.at(-1) ?? null)
        socket.destroy()
      } catch (error) {
        fail(error)
      }
    })
    socket.write(all.map(encode).join(''))
  })
}

/** @param {(string | number)[]} command */
function encode(command) {
  const words = command.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`)
  return `*${words.length}\r\n${words.join('')}`
}

/**
 * The first replies, or undefined when they are not there yet.
 *
 * @param {string} text
 * @param {number} count
 */
function readAll(text, count) {
  /** @type {Reply[]} */
  const replies = []
  let at = 0
  while (replies.length < count) {
    const read = readReply(text, at)
    if (read === undefined) return undefined
    replies.push(read.reply)
    at = read.end
  }
  return replies
}

/**
 * @param {string} text
 * @param {number} start
 * @returns {{reply: Reply, end: number} | undefined}
 */
function readReply(text, start) {
  const lineEnd = text.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const line = text.slice(start + 1, lineEnd)
  const end = lineEnd + 2
  switch (text[start]) {
    case '-':
      throw new Error(line)
    case ':':
      return { reply: Number(line), end }
    case '$': {
      const length = Number(line)
      if (length === -1) return { reply: null, end }
      if (text.length < end + length + 2) return undefined
      const bytes = Buffer.from(text.slice(end, end + length), 'latin1')
      return { reply: bytes.toString(), end: end + length + 2 }
    }
    case '*':
      return Number(line) === -1 ? { reply: null, end } : readItems(text, end, Number(line))
    default:
      return { reply: line, end }
  }
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} count
 */
function readItems(text, start, count) {
  /** @type {Reply[]} */
  const items = []
  let at = start
  while (items.length < count) {
    const read = readReply(text, at)
    if (read === undefined) return undefined
    items.push(read.reply)
    at = read.end
  }
  return { reply: items, end: at }
}

/** The fields of an INFO-like answer. @param {Reply} reply @returns {Record<string, string>} */
export function readFields(reply) {
  const lines = String(reply).split('\r\n')
  const pairs = lines.filter((line) => line.includes(':')).map((line) => line.split(/:(.*)/s))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
}

/**
 * Nothing is missing between a master and its replicas, as one of them sees it. A replica says that
 * its link is up up to a second before its master begins to send it anything.
 *
 * @param {Reply} info
 */
export function isInStep(info) {
  const fields = readFields(info)
  if (fields.role !== 'master') return fields.master_link_status === 'up'
  const replicas = Object.entries(fields).filter(([name]) => /^slave\d+$/.test(name))
  return replicas.every(([, text]) => text.includes('state=online'))
}

/**
 * Asks again and again until it holds. What is thrown meanwhile counts as not yet.
 *
 * @param {string} what
 * @param {number} withinMs
 * @param {() => Promise<unknown>} holds
 */
export async function waitUntil(what, withinMs, holds) {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    /** @type {unknown} */
    let problem = ''
    try {
      if (await holds()) return
    } catch (error) {
      problem = error
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`${what}: not so after ${withinMs} ms. ${problem}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
