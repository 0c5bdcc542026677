// What a URL leads to that is there and is no Redis for us: the first call says what is wrong.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { EngineUnavailableError } from '../src/errors.ts'
import { createSluice, type Sluice } from '../src/sluice.ts'
import { ask, type RedisProcess, startRedis } from './redis.ts'
import { timed } from './stopwatch.ts'

const COMMAND_TIMEOUT_MS = 1_500
const GRACE_MS = 250
/** Where a password has to be found in whatever form it is told. */
const SECRET = /s3cr3t/i
const PASSWORDS = [
  { name: 'as it is', password: 's3cr3t!p:w', written: 's3cr3t!p:w' },
  { name: 'percent-encoded', password: 's3cr3t@p:w', written: 's3cr3t%40p:w' },
  { name: 'with a percent sign', password: 's3cr3t%40p:w', written: 's3cr3t%2540p%3Aw' },
]
const [, { password: PASSWORD, written: WRITTEN }] = PASSWORDS as [object, (typeof PASSWORDS)[0]]

/** Ends something when the test has ended. */
type Finally = (end: () => void | Promise<void>) => void

/** Listens on a free port until the test ends. */
async function listen(server: Server, onTestFinished: Finally): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A port that was free a moment ago. */
async function unusedPort(): Promise<number> {
  let close: () => void | Promise<void> = () => {}
  const port = await listen(createServer(), (end) => {
    close = end
  })
  await close()
  return port
}

/** A server that answers each command, whatever its arguments are, with `reply` in RESP. */
const resp = (reply: (command: string, args: string[]) => string) =>
  createServer((socket) => {
    let received = ''
    socket.on('data', (data) => {
      received += data.toString()
      for (let next = takeCommand(received); next; next = takeCommand(received)) {
        received = next.rest
        const [command = '', ...args] = next.words
        socket.write(reply(command.toUpperCase(), args))
      }
    })
  })

function takeCommand(received: string): { words: string[]; rest: string } | null {
  const count = Number(/^\*(\d+)\r\n/.exec(received)?.[1] ?? Number.NaN)
  const whole = new RegExp(String.raw`^\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n){${count}}`).exec(received)
  if (!whole) return null
  const words = [...whole[0].matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1] ?? '')
  return { words, rest: received.slice(whole[0].length) }
}

interface Story {
  sluice: Sluice
  error: EngineUnavailableError
  tookMs: number
  /** All that was logged, warned of, and told by events. */
  told: unknown[]
}

/** The first call of a fresh Sluice, which must fail. */
async function firstCall(
  url: string,
  onTestFinished: Finally,
  options: { connectTimeout?: number } = {},
): Promise<Story> {
  const told: unknown[] = []
  const hear = (...heard: unknown[]) => void told.push(...heard)
  const sluice = createSluice(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    logger: { info: hear, warn: hear, error: hear },
    ...options,
  })
  for (const name of ['unavailable', 'available', 'reset'] as const) sluice.on(name, hear)
  process.on('warning', hear)
  onTestFinished(async () => {
    process.off('warning', hear)
    await sluice.close()
  })
  const { result, tookMs } = await timed(() =>
    sluice
      .lock('a')
      .tryAcquire()
      .then(
        (lease) => new Error(`it answered: ${lease?.name}`),
        (error: unknown) => error,
      ),
  )
  return { sluice, error: result as EngineUnavailableError, tookMs, told }
}

function expectSecretKept({ sluice, error, told }: Story): void {
  const causes: unknown[] = []
  for (let one: unknown = error; one instanceof Error && causes.length < 20; one = one.cause) {
    causes.push(one.message, one.stack, { ...one })
  }
  const deep = { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null }
  const shown = [
    ...[error.message, error.stack, inspect(error, { depth: 10 }), inspect(error, deep)],
    ...[JSON.stringify(error), inspect(causes, deep), inspect(sluice, deep)],
    ...[JSON.stringify(sluice), inspect(told, deep), JSON.stringify(told)],
    ...told.map(String),
  ]
  for (const text of shown) expect(text).not.toMatch(SECRET)
}

/** The error is typed, in time, names place and reason, and keeps the secret. */
function expectTold(story: Story, reason: RegExp, place: string): void {
  const { error, tookMs } = story
  expectSecretKept(story)
  expect(error).toBeInstanceOf(EngineUnavailableError)
  expect(error.code).toBe('SLUICE_ENGINE_UNAVAILABLE')
  expect(error.outcome).toBe('not-applied')
  expect(tookMs).toBeLessThan(COMMAND_TIMEOUT_MS + GRACE_MS)
  expect(error.message).toMatch(reason)
  expect(error.message).toContain(place)
  expect(error.message).toMatch(/^\P{Cc}*$/u)
  expect(error.message).not.toMatch(/undefined|report (?:this|it)|\.\./)
}

const SCHEMES = [
  { scheme: 'redis://', path: '' },
  { scheme: 'redis+cluster://', path: '' },
  { scheme: 'redis+sentinel://', path: '/mymaster' },
]
const NOT_REDIS = /not (?:a |speak )?Redis|no Redis/i
const CLOSED = /clos|reset/i
/** More than that there was no answer: that there never was a connection that works. */
const NO_CONNECTION = /no connection|not connected|handshake|log.?in/i

interface Stranger {
  name: string
  server: () => Server
  reason: RegExp
}

const strangers: Stranger[] = [
  {
    name: 'an HTTP server',
    server: () => createHttpServer((_, response) => response.end('hello')),
    reason: NOT_REDIS,
  },
  {
    name: 'a server that stays silent',
    server: () => createServer(() => {}),
    reason: NO_CONNECTION,
  },
  {
    name: 'a server that echoes',
    server: () => createServer((socket) => void socket.pipe(socket)),
    reason: NOT_REDIS,
  },
  {
    name: 'a server that sends something else',
    server: () => createServer((socket) => void socket.write('220 mail.test ESMTP\r\n')),
    reason: NOT_REDIS,
  },
  {
    name: 'a server that closes at once',
    server: () => createServer((socket) => void socket.destroy()),
    reason: CLOSED,
  },
  {
    name: 'a server that closes after the first bytes',
    server: () => createServer((socket) => void socket.once('data', () => socket.end())),
    reason: CLOSED,
  },
  {
    name: 'a server that answers with an error',
    server: () => resp(() => '-ERR this is no place for you\r\n'),
    reason: /this is no place for you/,
  },
  {
    name: 'a server that repeats what it was sent in an error',
    server: () =>
      resp((command, args) => `-ERR unknown command '${command}', ${args.join(' ')}\r\n`),
    reason: /unknown command/,
  },
  {
    name: 'a server that only speaks TLS',
    server: () => createTlsServer(),
    reason: /TLS|clos|reset|Protocol error/i,
  },
]

// Loading the library takes as long as a call may take here, on a busy machine.
beforeAll(async () => void (await import('ioredis')))

describe.concurrent('the first call says what is wrong there, in time and without the password:', () => {
  for (const { scheme, path } of SCHEMES) {
    for (const { name, server, reason } of strangers) {
      it(`${scheme} leads to ${name}`, async ({ onTestFinished }) => {
        const port = await listen(server(), onTestFinished)
        const url = `${scheme}user:${WRITTEN}@127.0.0.1:${port}${path}`
        expectTold(await firstCall(url, onTestFinished), reason, `127.0.0.1:${port}`)
      })
    }

    it(`${scheme} leads to nothing`, async ({ onTestFinished }) => {
      const port = await unusedPort()
      const url = `${scheme}user:${WRITTEN}@127.0.0.1:${port}${path}`
      expectTold(await firstCall(url, onTestFinished), /ECONNREFUSED|refused/, `127.0.0.1:${port}`)
    })

    it(`${scheme} names a host that does not exist`, async ({ onTestFinished }) => {
      const url = `${scheme}user:${WRITTEN}@nowhere.invalid:7${path}`
      // Where no name server answers, the lookup is still under way at the deadline.
      const reason = /ENOTFOUND|EAI_AGAIN|no connection|not connected/
      expectTold(await firstCall(url, onTestFinished), reason, 'nowhere.invalid:7')
    })
  }

  it('a server stays silent, and the connect timeout is the shorter one', async ({
    onTestFinished,
  }) => {
    const port = await listen(
      createServer(() => {}),
      onTestFinished,
    )
    const url = `redis://user:${WRITTEN}@127.0.0.1:${port}`
    const story = await firstCall(url, onTestFinished, { connectTimeout: 200 })
    expectTold(story, NO_CONNECTION, `127.0.0.1:${port}`)
  })

  for (const { name, server } of strangers) {
    if (name.includes('TLS')) continue
    it(`rediss:// leads to ${name}`, async ({ onTestFinished }) => {
      const port = await listen(server(), onTestFinished)
      const url = `rediss://user:${WRITTEN}@127.0.0.1:${port}`
      const reason = /TLS/
      expectTold(await firstCall(url, onTestFinished), reason, `127.0.0.1:${port}`)
    })
  }

  it('rediss:// leads to a Redis without TLS', async ({ onTestFinished }) => {
    const { port } = new URL(inject('redisUrl'))
    const story = await firstCall(`rediss://user:${WRITTEN}@127.0.0.1:${port}`, onTestFinished)
    expectTold(story, /TLS/, `127.0.0.1:${port}`)
  })

  it('redis+cluster:// leads to a Redis that is no cluster', async ({ onTestFinished }) => {
    const { port } = new URL(inject('redisUrl'))
    const story = await firstCall(`redis+cluster://127.0.0.1:${port}`, onTestFinished)
    expectTold(story, /cluster support disabled/, `127.0.0.1:${port}`)
  })

  it('redis+sentinel:// leads to a Redis that is no sentinel', async ({ onTestFinished }) => {
    const { port } = new URL(inject('redisUrl'))
    const story = await firstCall(`redis+sentinel://127.0.0.1:${port}/mymaster`, onTestFinished)
    expectTold(story, /SENTINEL/i, `127.0.0.1:${port}`)
  })
})

describe.concurrent('a Redis that does not let us in says so, without the password:', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await startRedis({ args: ['--requirepass', 'right', '--databases', '4'] })
  })
  afterAll(() => redis.stop())

  const at = (credentials: string, path = '') =>
    `redis://${credentials}127.0.0.1:${redis.port}${path}`

  /** Rights are given on a connection that has logged in. */
  async function setUser(rules: string): Promise<void> {
    const answer = await ask(redis.port, `AUTH right\r\nACL SETUSER ${rules}`)
    expect(answer).toBe('+OK\r\n+OK\r\n')
  }

  const expectRefused = (story: Story, reason: RegExp, place = `127.0.0.1:${redis.port}`) => {
    expectTold(story, reason, place)
    expect(story.error.retryable).toBe(false)
  }

  for (const { name, written } of PASSWORDS) {
    it(`a wrong password, written ${name}`, async ({ onTestFinished }) => {
      expectRefused(await firstCall(at(`:${written}@`), onTestFinished), /WRONGPASS|password/)
    })
    it(`an unknown user with a password, written ${name}`, async ({ onTestFinished }) => {
      expectRefused(await firstCall(at(`s3cr3tly:${written}@`), onTestFinished), /WRONGPASS|user/)
    })
  }

  it('no password', async ({ onTestFinished }) => {
    expectRefused(await firstCall(at(''), onTestFinished), /NOAUTH|Authentication required/)
  })

  const limited: [string, string, RegExp][] = [
    ['none', '~* &* -@all', /NOPERM|permission/],
    ['PING', '~* &* -@all +ping', /NOPERM|permission/],
    ['all but scripts', '~* &* +@all -@scripting', /NOPERM|permission/],
    ['all commands on no key', '&* +@all', /NOPERM|permission/],
  ]
  for (const [index, [name, rules, reason]] of limited.entries()) {
    it(`a user whose rights are: ${name}`, async ({ onTestFinished }) => {
      const user = `limited${index}`
      await setUser(`${user} reset on >${PASSWORD} ${rules}`)
      // Which right is missing is a matter of the user, not of the place.
      expectRefused(await firstCall(at(`${user}:${WRITTEN}@`), onTestFinished), reason, 'Redis')
    })
  }

  it('a user that is switched off', async ({ onTestFinished }) => {
    await setUser(`off reset off >${PASSWORD} ~* &* +@all`)
    expectRefused(await firstCall(at(`off:${WRITTEN}@`), onTestFinished), /WRONGPASS|password/)
  })

  it('a database that the server does not have', async ({ onTestFinished }) => {
    await setUser(`ok reset on >${PASSWORD} ~* &* +@all`)
    const story = await firstCall(at(`ok:${WRITTEN}@`, '/9999'), onTestFinished)
    expectTold(story, /DB index is out of range/, `127.0.0.1:${redis.port}`)
  })

  it('too many clients', async ({ onTestFinished }) => {
    const full = await startRedis({ args: ['--maxclients', '1'] })
    const only = connect(full.port, '127.0.0.1')
    onTestFinished(() => void only.destroy())
    onTestFinished(full.stop)
    await once(only, 'connect')
    const story = await firstCall(full.url, onTestFinished)
    expectTold(story, /max number of clients/, `127.0.0.1:${full.port}`)
    expect(story.error.retryable).toBe(true)
  })

  it('a server without AUTH, which repeats the password in its error', async ({
    onTestFinished,
  }) => {
    const old = await startRedis({ args: ['--rename-command', 'AUTH', ''] })
    onTestFinished(() => old.stop())
    const story = await firstCall(`redis://user:${WRITTEN}@127.0.0.1:${old.port}`, onTestFinished)
    expectTold(story, /unknown command/, `127.0.0.1:${old.port}`)
  })

  it('and serves a user who may not ask who it is', async ({ onTestFinished }) => {
    await setUser(`discreet reset on >${PASSWORD} ~* &* +@all -info -role -config -client`)
    const sluice = createSluice(at(`discreet:${WRITTEN}@`))
    onTestFinished(() => sluice.close())
    const lease = await sluice.lock('of the discreet').tryAcquire()
    expect(await lease?.release()).toBe('released')
  })

  it('and lets us in with the right password, in each way of writing it', async ({
    onTestFinished,
  }) => {
    for (const { password, written } of PASSWORDS) {
      await setUser(`friend reset on >${password} ~* &* +@all`)
      const sluice = createSluice(at(`friend:${written}@`, '/3'))
      onTestFinished(() => sluice.close())
      const lease = await sluice.lock(`lock of ${password}`).tryAcquire()
      expect(lease).not.toBeNull()
      await lease?.release()
      expect(inspect(sluice, { depth: 20, showHidden: true })).not.toMatch(SECRET)
    }
  })
})

describe.concurrent('a server that is too old is refused, and its version named:', () => {
  const server = (version: string) =>
    resp((command) => {
      if (command === 'PING') return '+PONG\r\n'
      if (command !== 'INFO') return '+OK\r\n'
      const text = `# Server\r\nredis_version:${version}\r\nrun_id:${'0'.repeat(40)}\r\n`
      return `$${text.length}\r\n${text}\r\n`
    })

  for (const version of ['5.0.3', '6.0.16', '2.8.0']) {
    it(version, async ({ onTestFinished }) => {
      const port = await listen(server(version), onTestFinished)
      const story = await firstCall(`redis://user:${WRITTEN}@127.0.0.1:${port}`, onTestFinished)
      expectTold(story, new RegExp(`version ${version.replaceAll('.', '\\.')}\\b`), `:${port}`)
      expect(story.error.retryable).toBe(false)
    })
  }
})
