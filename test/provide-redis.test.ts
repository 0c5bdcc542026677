import { spawn } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { provideRedisServer } from '../scripts/redis-server.js'
import { ask } from './redis.ts'

const offline = /could not resolve|temporary failure|could not connect|unable to connect/i
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-provide-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An executable that answers `--version` as a server of this version does. */
function writeServer(name: string, version: string, brand = 'Redis'): string {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho "${brand} server v=${version} sha=0:0 bits=64"\n`)
  chmodSync(file, 0o755)
  return file
}

/** The tools of this machine, but for any server: a folder of links in place of PATH. */
function maskedPath(): string {
  const masked = path.join(folder, 'masked')
  mkdirSync(masked)
  for (const source of ['/bin', '/usr/bin', '/sbin', '/usr/sbin'].filter(existsSync)) {
    for (const tool of readdirSync(source).filter((name) => !/redis|valkey|keydb/.test(name))) {
      const link = path.join(masked, tool)
      if (!existsSync(link)) trySymlink(path.join(source, tool), link)
    }
  }
  return masked
}

function trySymlink(target: string, link: string): void {
  try {
    symlinkSync(target, link)
  } catch {
    // A dangling link of the same name: neither of the two is a tool.
  }
}

function search(env: NodeJS.ProcessEnv) {
  const said: string[] = []
  const cacheFolder = path.join(folder, 'cache')
  const found = provideRedisServer({ env, cacheFolder, log: (line) => said.push(line) })
  return { found, said, cacheFolder }
}

describe('SLUICE_REDIS_SERVER', () => {
  test('wins over PATH', async () => {
    const named = writeServer('named/my-server', '7.2.4')
    writeServer('bin/redis-server', '7.0.0')
    const PATH = `${path.join(folder, 'bin')}:${process.env.PATH}`
    const server = await search({ PATH, SLUICE_REDIS_SERVER: named }).found
    expect(server).toMatchObject({ binary: named, version: '7.2.4', source: 'SLUICE_REDIS_SERVER' })
  })

  test.each([
    ['is missing', () => path.join(folder, 'nowhere'), /ENOENT/],
    ['is another program', () => '/bin/ls', /did not answer --version as a server/],
    ['is too old', () => writeServer('old', '5.0.14'), /5\.0\.14 is older than 6\.2/],
  ])('that %s is an error and never passed over', async (_, binary, reason) => {
    writeServer('bin/redis-server', '7.0.0')
    const PATH = `${path.join(folder, 'bin')}:${process.env.PATH}`
    const named = binary()
    const { found } = search({ PATH, SLUICE_REDIS_SERVER: named })
    await expect(found).rejects.toThrow(`SLUICE_REDIS_SERVER=${named}`)
    await expect(found).rejects.toThrow(reason)
  })
})

describe('PATH', () => {
  test('gives a redis-server before a valkey-server, whatever the order of folders', async () => {
    writeServer('first/valkey-server', '8.1.0', 'Valkey')
    const expected = writeServer('second/redis-server', '7.0.0')
    const folders = ['first', 'second'].map((name) => path.join(folder, name))
    const server = await search({ PATH: `${folders.join(':')}:/bin:/usr/bin` }).found
    expect(server).toMatchObject({ binary: expected, source: 'PATH', argv0: 'redis-server' })
  })

  test('gives a valkey-server when that is all there is', async () => {
    const expected = writeServer('bin/valkey-server', '8.1.0', 'Valkey')
    const server = await search({ PATH: `${path.join(folder, 'bin')}:${maskedPath()}` }).found
    expect(server).toMatchObject({ binary: expected, version: '8.1.0' })
  })

  test('passes a server over that is too old, and says so', async () => {
    writeServer('first/redis-server', '6.0.16')
    const expected = writeServer('second/redis-server', '6.2.0')
    const folders = ['first', 'second'].map((name) => path.join(folder, name))
    const { found, said } = search({ PATH: `${folders.join(':')}:/bin:/usr/bin` })
    expect(await found).toMatchObject({ binary: expected })
    expect(said.join()).toContain('6.0.16 is older than 6.2')
  })
})

describe('with no server anywhere', () => {
  test('one is downloaded and serves, or the line to run is the error', async (context) => {
    const PATH = maskedPath()
    const { found, said, cacheFolder } = search({ PATH })
    const outcome = await found.catch((error: Error) => error)
    if (!hasTools(PATH, ['apt-get', 'dpkg-deb'])) return expectAdvice(outcome)
    // Without a network there is nothing to prove; a wrong use of apt is not taken for that.
    if (offline.test(said.join('\n'))) context.skip(`apt-get has no network: ${said.join(' ')}`)

    expect(outcome, said.join('\n')).toMatchObject({ source: 'apt-get download' })
    if (outcome instanceof Error) return
    expect(outcome.binary.startsWith(cacheFolder)).toBe(true)
    expect(readdirSync(cacheFolder)).toEqual(['redis'])
    expect(await pingOnceStarted(outcome)).toBe('+PONG\r\n')

    expect(await search({ PATH }).found).toMatchObject({ source: 'the cache' })
  }, 120_000)

  test('and no apt, the error is one line that says what to run', async () => {
    mkdirSync(path.join(folder, 'empty'))
    const found = search({ PATH: path.join(folder, 'empty') }).found
    // Homebrew's folders are looked at whatever PATH says.
    expectAdvice(await found.catch((error: Error) => error))
  })

  test('a broken cache is removed, not used', async () => {
    const broken = path.join(folder, 'cache', 'redis')
    mkdirSync(broken, { recursive: true })
    mkdirSync(path.join(folder, 'empty'))
    const { found, said } = search({ PATH: path.join(folder, 'empty') })
    await found.catch(() => undefined)
    expect(existsSync(broken)).toBe(false)
    expect(said.join()).toContain('the server is missing')
  })
})

function hasTools(folderOfTools: string, tools: readonly string[]): boolean {
  return tools.every((tool) => {
    try {
      accessSync(path.join(folderOfTools, tool))
      return true
    } catch {
      return false
    }
  })
}

function expectAdvice(outcome: unknown): void {
  if (outcome instanceof Error) {
    expect(outcome.message).toMatch(/^No redis-server found.* Run: \S.*$/)
  } else {
    expect(outcome).toMatchObject({ source: 'Homebrew' })
  }
}

async function pingOnceStarted(server: Awaited<ReturnType<typeof provideRedisServer>>) {
  const socket = path.join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder]
  const child = spawn(server.binary, args, {
    argv0: server.argv0,
    env: { ...process.env, ...server.env },
    stdio: 'ignore',
  })
  try {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const answer = existsSync(socket) ? await ask(socket, 'PING') : ''
      if (answer !== '') return answer
      await delay(25)
    }
    return 'no answer'
  } finally {
    child.kill('SIGKILL')
  }
}
