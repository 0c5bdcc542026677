// @ts-check
// Redis servers of the tour's own: nothing is kept, and they are gone when their step is over.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findPort } from '../ports.js'

/**
 * @typedef {import('../redis-server.js').RedisServer} RedisServer
 * @typedef {import('./run-steps.js').Outcome} Outcome
 * @typedef {{ url: string, end: () => void }} PrivateRedis
 */

/**
 * A step that needs servers of its own, and says so where none is found.
 *
 * @template Context
 * @param {object} step
 * @param {string} step.title
 * @param {number} step.serverCount
 * @param {() => Promise<RedisServer | undefined>} step.find
 * @param {(servers: PrivateRedis[], version: string, context: Context) => Promise<Outcome>} step.show
 * @returns {import('./run-steps.js').Step<Context>}
 */
export const stepOnRedis = ({ title, serverCount, find, show }) => ({
  title,
  async run(context) {
    const found = await find()
    if (found === undefined) {
      return {
        lines: ['no redis-server was found, so there is nothing to show: install one and see'],
        promises: [{ text: 'what needs a server says so', kept: true }],
        result: 'no redis-server found',
        figure: '',
      }
    }
    const starting = Array.from({ length: serverCount }, () => startPrivateRedis(found))
    const servers = await Promise.all(starting)
    try {
      return await show(servers, found.version, context)
    } finally {
      for (const server of servers) server.end()
    }
  },
})

/** @param {RedisServer} found @returns {Promise<PrivateRedis>} */
async function startPrivateRedis({ binary, argv0, env }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-tour-redis-'))
  const port = await findPort()
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  const child = spawn(binary, [...args, '--save', '', '--appendonly', 'no'], {
    argv0,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  const end = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  process.once('exit', end)
  return {
    url: `redis://127.0.0.1:${port}`,
    end() {
      process.off('exit', end)
      end()
    },
  }
}
