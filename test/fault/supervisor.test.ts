// What the connections of one Sluice do when the server, the network or the password changes.
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { LockLostError, StoreResetError } from '../../src/index.ts'
import { closing, connect, failureOf, now, untilWorks } from './connect.ts'
import { everyConnection, startProxy } from './proxy.js'
import { startServer } from './servers.js'

describe('events and health', () => {
  it('an idle client tells within 2 s that a server went silent, and that it is back', async () => {
    const server = closing(await startServer())
    const { sluice, told } = connect(server.url)
    await sluice.lock('a').run(() => {})
    expect(sluice.health()).toEqual({ available: true, sinceAnswerMs: expect.any(Number) })
    server.pause()
    const lostMs = now()
    await expect.poll(() => told.unavailable.length, { timeout: 4_000 }).toBe(1)
    expect((told.unavailable[0]?.atMs ?? 0) - lostMs).toBeLessThan(2_000 + 250)
    expect(sluice.health().available).toBe(false)
    expect(told.unavailable[0]?.event).toMatchObject({
      place: `127.0.0.1:${server.port}`,
      reason: expect.stringContaining('no answer'),
    })
    server.resume()
    await expect.poll(() => told.available.length).toBe(1)
    expect(told.available[0]?.event.afterMs).toBeGreaterThan(0)
    expect(sluice.health().available).toBe(true)
  })

  it('a listener that throws is logged, and keeps nobody else from hearing', async () => {
    const server = closing(await startServer())
    const errors: string[] = []
    const logger = { info() {}, warn() {}, error: (line: string) => errors.push(line) }
    const { sluice, told } = connect(server.url, { logger })
    sluice.on('unavailable', () => {
      throw new Error('mine')
    })
    await sluice.lock('a').run(() => {})
    await server.kill()
    await expect.poll(() => errors).toEqual(['sluice: a listener of unavailable threw'])
    expect(told.unavailable).toHaveLength(1)
  })

  it('health is the time since an answer, not the state of a socket', async () => {
    const server = closing(await startServer())
    const { sluice } = connect(server.url)
    expect(sluice.health().sinceAnswerMs).toBe(null)
    await sluice.lock('a').run(() => {})
    server.pause()
    await expect
      .poll(() => sluice.health().sinceAnswerMs ?? 0, { timeout: 3_000 })
      .toBeGreaterThan(1_000)
    server.resume()
    await expect.poll(() => sluice.health().sinceAnswerMs ?? 9_999).toBeLessThan(1_000)
  })
})

describe('sockets', () => {
  it('handshakes that are never answered hold nothing up, however long the connect deadline', async () => {
    const server = closing(await startServer())
    const proxy = closing(await startProxy({ to: server }))
    const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`, { connectTimeout: '60s' })
    await sluice.lock('a').run(() => {})
    await proxy.fail('blackhole')
    await failureOf(sluice.lock('a').run(() => {}))
    const waiting = failureOf(sluice.lock('b').run(() => {}))
    await waiting
    await proxy.pass()
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  })

  it('sockets that died silently while idle: a waiting worker gets the next job within 5 s', async () => {
    const server = closing(await startServer())
    const proxy = closing(await startProxy({ to: server }))
    const prefix = `supervisor-${randomUUID()}`
    const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`, { prefix })
    const done: number[] = []
    sluice.queue<number>('q').work((job) => void done.push(job.data))
    await sluice.queue<number>('q').add(1)
    await expect.poll(() => done).toEqual([1])
    await proxy.fail('halfOpen')
    const healthy = connect(server.url, { prefix }).sluice
    await healthy.queue<number>('q').add(2)
    await expect.poll(() => done, { timeout: 5_250 }).toEqual([1, 2])
  })

  it('a server that closes idle clients: nothing is lost, and a job still comes at once', async () => {
    const server = closing(await startServer({ args: ['--timeout', '1'] }))
    const { sluice } = connect(server.url)
    const arrivedMs: number[] = []
    sluice.queue('q').work(() => void arrivedMs.push(now()))
    await sluice.queue('q').add(0)
    await expect.poll(() => arrivedMs.length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const addedMs = now()
    await sluice.queue('q').add(1)
    await expect.poll(() => arrivedMs.length).toBe(2)
    expect((arrivedMs[1] ?? 0) - addedMs).toBeLessThan(1_000)
  })

  it('a server that moved is found at its new address by each new connection', async () => {
    const [first, second] = [closing(await startServer()), closing(await startServer())]
    const proxy = closing(await startProxy({ to: first }))
    const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`)
    await sluice.lock('a').run(() => {})
    proxy.retarget(second)
    await first.kill()
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  })
})

type Server = Awaited<ReturnType<typeof startServer>>

describe('what a server refuses', () => {
  it('READONLY: the call fails as not applied, and works again once there is a master', async () => {
    const server = closing(await startServer())
    const { sluice, told } = connect(server.url, { commandTimeout: 500 })
    await sluice.lock('a').run(() => {})
    await server.command('REPLICAOF', '127.0.0.1', 1)
    expect(await failureOf(sluice.lock('a').acquire())).toMatchObject({
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      outcome: 'not-applied',
      retryable: true,
    })
    expect(told.unavailable[0]?.event.reason).toContain('READONLY')
    await server.command('REPLICAOF', 'NO', 'ONE')
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
    await expect.poll(() => sluice.health().available).toBe(true)
  })

  it('READONLY for less than a call may take is not told to the caller', async () => {
    const server = closing(await startServer())
    const { sluice } = connect(server.url, { commandTimeout: 5_000 })
    await sluice.lock('a').run(() => {})
    await server.command('REPLICAOF', '127.0.0.1', 1)
    const waiting = sluice.lock('a').run(({ fence }) => fence)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await server.command('REPLICAOF', 'NO', 'ONE')
    expect(await waiting).toBeGreaterThan(0)
  })

  it.each([
    [
      'BUSY',
      ['EVAL', 'local t = redis.call("TIME")[1] while redis.call("TIME")[1] - t < 3 do end', 0],
    ],
    ['CLIENT PAUSE', ['CLIENT', 'PAUSE', 2_500, 'ALL']],
  ])('%s: calls end by their deadline, and work goes on afterwards', async (_, command) => {
    const server = closing(await startServer({ args: ['--busy-reply-threshold', '100'] }))
    const { sluice } = connect(server.url, { commandTimeout: 1_000 })
    await sluice.lock('a').run(() => {})
    const blocking = server.command(...command).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 200))
    const startedMs = now()
    expect(await failureOf(sluice.lock('b').acquire())).toMatchObject({ retryable: true })
    expect(now() - startedMs).toBeLessThan(1_250)
    await blocking
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  })

  const SAVES = 'stop-writes-on-bgsave-error'

  it.each([
    {
      error: 'MISCONF',
      async break(server: Server) {
        await server.command('CONFIG', 'SET', 'save', '3600 1')
        // The new file cannot be put in the place of a folder.
        mkdirSync(path.join(await folderOf(server), 'dump.rdb', 'in the way'), { recursive: true })
        await server.command('BGSAVE')
        await expect
          .poll(async () => String(await server.command('INFO', 'persistence')))
          .toContain('rdb_last_bgsave_status:err')
      },
      mend: (server: Server) => server.command('CONFIG', 'SET', SAVES, 'no'),
    },
    {
      error: 'NOREPLICAS',
      break: (server: Server) => server.command('CONFIG', 'SET', 'min-replicas-to-write', 1),
      mend: (server: Server) => server.command('CONFIG', 'SET', 'min-replicas-to-write', 0),
    },
  ])('$error: writes fail as not applied, and work again once that is mended', async (one) => {
    const server = closing(await startServer())
    const { sluice } = connect(server.url, { commandTimeout: 400 })
    await sluice.lock('a').run(() => {})
    await one.break(server)
    expect(await failureOf(sluice.lock('a').acquire())).toMatchObject({
      outcome: 'not-applied',
      retryable: true,
      message: expect.stringContaining(one.error),
    })
    await one.mend(server)
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  })

  it('a rotated password: told as such without a tight loop, and the next one is picked up', async () => {
    const server = closing(await startServer())
    await server.command('ACL', 'SETUSER', 'app', 'on', '>first-secret', '~*', '&*', '+@all')
    let password = 'first-secret'
    const { sluice, told } = connect(`redis://127.0.0.1:${server.port}`, {
      commandTimeout: 500,
      credentials: () => ({ username: 'app', password }),
    })
    await sluice.lock('a').run(() => {})
    const connectionsBefore = await connectionCount(server)
    await server.command('ACL', 'SETUSER', 'app', 'resetpass', '>second-secret')
    await server.command('CLIENT', 'KILL', 'USER', 'app')
    const failure = (await failureOf(sluice.lock('a').acquire())) as Error
    expect(failure).toMatchObject({ code: 'SLUICE_ENGINE_UNAVAILABLE', retryable: false })
    expect(failure.message).toContain('WRONGPASS')
    expect(JSON.stringify(told.unavailable)).not.toContain('secret')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await connectionCount(server)) - connectionsBefore).toBeLessThan(40)
    password = 'second-secret'
    expect(await untilWorks(sluice)).toBeLessThan(5_000)
  })
})

async function folderOf(server: { command(...words: string[]): Promise<unknown> }) {
  const answer = await server.command('CONFIG', 'GET', 'dir')
  return Array.isArray(answer) ? String(answer[1]) : ''
}

async function connectionCount(server: { command(...words: string[]): Promise<unknown> }) {
  const info = String(await server.command('INFO', 'stats'))
  return Number(/total_connections_received:(\d+)/.exec(info)?.[1])
}

/** Until that many clients have left their mark in the store. */
async function untilSeen(server: Server, clients = 1): Promise<void> {
  const marks = async () => (await server.command('KEYS', '*store:{identity}:*')) as string[]
  await expect.poll(async () => (await marks()).length).toBe(clients)
}

describe('the identity of the store', () => {
  it('a server that comes back empty: holders lose their lease at once, and everybody is told', async () => {
    const server = closing(await startServer())
    const { sluice, told } = connect(server.url)
    const lease = await sluice.lock('a', { ttl: '60s' }).acquire()
    await untilSeen(server)
    await server.restart({ empty: true })
    await expect.poll(() => lease.signal.aborted).toBe(true)
    const loss = lease.signal.reason as LockLostError
    expect(loss).toBeInstanceOf(LockLostError)
    expect(loss.reason).toBe('reset')
    expect(loss.cause).toBeInstanceOf(StoreResetError)
    await expect.poll(() => told.reset.map(({ event }) => event.error.reset)).toEqual(['emptied'])
    expect(await lease.release()).toBe('lost')
    const next = await sluice.lock('a').acquire()
    expect(next.fence).toBeGreaterThan(lease.fence)
  })

  it('a server that comes back with older data is noticed', async () => {
    const server = closing(await startServer())
    const prefix = `supervisor-${randomUUID()}`
    const early = connect(server.url, { prefix })
    await early.sluice.lock('seen').run(() => {})
    await server.command('SAVE')
    const { sluice, told } = connect(server.url, { prefix })
    const lease = await sluice.lock('a', { ttl: '60s' }).acquire()
    await untilSeen(server, 2)
    await server.restart()
    await expect.poll(() => told.reset.map(({ event }) => event.error.reset)).toEqual(['older'])
    await expect.poll(() => lease.signal.aborted).toBe(true)
    expect(lease.signal.reason).toMatchObject({ reason: 'reset' })
  })

  it('a server that kept its data is no reset: the lease is held on', async () => {
    const server = closing(await startServer({ persist: 'always' }))
    const { sluice, told } = connect(server.url)
    const lease = await sluice.lock('a', { ttl: '60s' }).acquire()
    await server.restart()
    await expect.poll(() => told.available.length).toBe(1)
    await lease.extend('60s')
    lease.assertHeld()
    expect(told.reset).toEqual([])
    expect(await lease.release()).toBe('released')
  })

  it('a policy of eviction is warned of once', async () => {
    const server = closing(await startServer({ args: ['--maxmemory-policy', 'allkeys-lru'] }))
    const { sluice, warnings } = connect(server.url)
    await sluice.lock('a').run(() => {})
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await untilWorks(sluice)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/allkeys-lru.*noeviction/)
  })
})

it('answers lost by resets: what may be repeated is, and no fence comes twice', async () => {
  const server = closing(await startServer())
  const proxy = closing(await startProxy({ to: server }))
  const { sluice } = connect(`redis://127.0.0.1:${proxy.port}`)
  await sluice.lock('a').run(() => {})
  await proxy.fail(everyConnection({ replies: { resetEvery: 23 } }))
  const fences: number[] = []
  for (let round = 0; round < 30; round++) {
    const fence = await sluice
      .lock('a', { ttl: 500 })
      .run((lease) => lease.fence)
      .catch(() => null)
    if (fence !== null) fences.push(fence)
  }
  await proxy.pass()
  expect(fences.length).toBeGreaterThan(5)
  expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
}, 60_000)
