// One round with each topology: that it starts, fails over, comes back and goes away.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { findProblem, hasNamespaces, startNamespace } from './network.js'
import { readFields, send, waitUntil } from './resp.js'
import { startCluster, startSentinel, startServer, startStandalone, startTls } from './servers.js'

const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()))
})

async function open<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const one = await starting
  opened.push(one)
  return one
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a server keeps its data over a crash when asked to, and loses it when asked to', async () => {
  const server = await open(startServer({ persist: 'always' }))
  const { port, pid } = server
  await server.command('SET', 'kept', 'ü')
  await server.kill()
  expect([server.isUp, isAlive(pid)]).toEqual([false, false])
  await server.restart()
  expect([await server.command('GET', 'kept'), server.port]).toEqual(['ü', port])
  await server.stop()
  await server.restart({ empty: true })
  expect(await server.command('GET', 'kept')).toBeNull()
})

test('a paused server is silent until it is resumed, and can be ended', async () => {
  const server = await open(startServer({ password: 'a secret' }))
  server.pause()
  const answer = server.command('PING')
  expect(await Promise.race([answer, delay(200, 'silent')])).toBe('silent')
  server.resume()
  expect(await answer).toBe('PONG')
  server.pause()
  await server.stop()
  expect(server.isUp).toBe(false)
})

test('servers and their folders go with their process, even when that is killed', async () => {
  const host = `
    import { startServer } from '${path.join(import.meta.dirname, 'servers.js')}'
    const server = await startServer()
    process.send({ pid: server.pid, folder: await server.command('CONFIG', 'GET', 'dir') })
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', host], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [{ pid, folder }] = await once(child, 'message')
  expect([isAlive(pid), existsSync(folder[1])]).toEqual([true, true])
  child.kill('SIGKILL')
  await waitUntil('both are gone', 5_000, async () => !isAlive(pid) && !existsSync(folder[1]))
})

test('a proxied server has its proxy in its URL, and fails and heals with it', async () => {
  const standalone = await open(startStandalone({ proxied: true, password: 'secret' }))
  const [proxy] = standalone.proxies
  const there = { port: proxy?.port ?? 0, password: 'secret' }
  expect(standalone.url).toBe(`redis://:secret@127.0.0.1:${there.port}`)
  await standalone.fail('refused')
  await expect(send(there, ['PING'])).rejects.toThrow('ECONNREFUSED')
  await standalone.ready()
  await standalone.pass()
  expect(await send(there, ['PING'])).toBe('PONG')
})

test('a cluster fails over by order and by itself, and reshards under its keys', async () => {
  const cluster = await open(startCluster({ replicas: 1 }))
  const first = await cluster.masterOf('a')
  await first.command('SET', 'a', '1')
  const second = await cluster.failover({ key: 'a' })
  expect([await first.role(), await second.role()]).toEqual(['slave', 'master'])

  const target = await cluster.masterOf('b')
  const steps: string[] = []
  await cluster.moveSlot('a', target, async (step) => {
    steps.push(step)
    if (step !== 'migrating') return
    await expect(second.command('GET', 'a')).resolves.toBe('1')
    await expect(second.command('GET', `{a}missing`)).rejects.toThrow(
      new RegExp(`^ASK 15495 ${target.address}$`),
    )
  })
  expect(steps).toEqual(['importing', 'migrating', 'moved', 'done'])
  expect(await cluster.masterOf('a')).toBe(target)
  expect(await target.command('GET', 'a')).toBe('1')
  await cluster.ready()

  await target.kill()
  await waitUntil('another one is in charge', 8_000, async () => {
    const owner = await cluster.masterOf('a')
    return owner !== target && owner.isUp && (await owner.command('GET', 'a')) === '1'
  })
  await target.restart()
  await cluster.ready()
  expect(await target.role()).toBe('slave')
})

test('clients of a proxied cluster are cut off while its nodes notice nothing', async () => {
  const cluster = await open(startCluster({ replicas: 1, proxied: true }))
  const [proxy] = cluster.proxies
  const listPorts = async () => {
    const ranges = await send(proxy ?? { port: 0 }, ['CLUSTER', 'SLOTS'])
    return [...JSON.stringify(ranges).matchAll(/"127\.0\.0\.1",(\d+)/g)].map(([, port]) =>
      Number(port),
    )
  }
  const ports = cluster.proxies.map(({ port }) => port).sort()
  await waitUntil('clients are told of all proxies', 3_000, async () =>
    isDeepStrictEqual((await listPorts()).sort(), ports),
  )

  await cluster.fail('blackhole')
  const roles = await Promise.all(cluster.nodes.map((node) => node.role()))
  const call = send(proxy ?? { port: 0 }, ['PING']).catch(() => 'silent')
  // Nodes that missed each other would have failed over by then.
  expect(await Promise.race([call, delay(2_500, 'silent')])).toBe('silent')
  await cluster.ready()
  expect(await Promise.all(cluster.nodes.map((node) => node.role()))).toEqual(roles)
  const master = await cluster.masterOf('a')
  expect(await send(master, ['SET', 'a', '1'], ['WAIT', 1, 2_000])).toBe(1)
  await cluster.pass()
  expect(await send(proxy ?? { port: 0 }, ['PING'])).toBe('PONG')
})

test('sentinels fail over by order and by themselves, and take a lost master back', async () => {
  // A busy machine stands still for half a second, after which they would fail over once more.
  const sentinel = await open(startSentinel({ downAfterMs: 2_000 }))
  const first = await sentinel.master()
  await send(first, ['SET', 'a', '1'], ['WAIT', 2, 2_000])
  const second = await sentinel.failover()
  expect(second).not.toBe(first)
  expect(await second.command('GET', 'a')).toBe('1')
  await sentinel.ready()

  await second.kill()
  const third = await sentinel.master()
  expect(third).not.toBe(second)
  await second.restart()
  await sentinel.ready()
  expect(readFields(await second.command('INFO', 'replication')).role).toBe('slave')
})

test('clients of proxied sentinels are cut off while these notice nothing', async () => {
  const sentinel = await open(startSentinel({ proxied: true }))
  const master = await sentinel.master()
  const ask = { port: sentinel.sentinels[0]?.publicPort ?? 0 }
  const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', sentinel.name]
  expect(await send(ask, question)).toEqual(['127.0.0.1', `${master.proxy?.port}`])
  await sentinel.fail('blackhole')
  const call = send(ask, question).catch(() => 'silent')
  // Sentinels that missed the master would have failed it over by then.
  expect(await Promise.race([call, delay(2_000, 'silent')])).toBe('silent')
  await sentinel.ready()
  expect(await sentinel.master()).toBe(master)
  await sentinel.pass()
  expect(await send(ask, question)).toEqual(['127.0.0.1', `${master.proxy?.port}`])
})

test('a TLS server is trusted by its own authority only', async () => {
  const server = await open(startTls())
  expect(server.url).toBe(`rediss://127.0.0.1:${server.port}`)
  expect(await send({ port: server.port, ca: server.ca, host: 'localhost' }, ['PING'])).toBe('PONG')
  const other = await open(startTls())
  await expect(send({ port: server.port, ca: other.ca }, ['PING'])).rejects.toThrow(/certificate/)
})

// Only root on Linux may make networks; the proxy stands in for them elsewhere.
test.skipIf(!hasNamespaces())('packets are lost in a network until it heals', async () => {
  const network = await open(startNamespace())
  const server = await network.startServer()
  for (const direction of ['both', 'requests', 'replies'] as const) {
    network.drop(direction)
    const answer = server.command('INCR', direction)
    expect(await Promise.race([answer, delay(300, 'silent')])).toBe('silent')
    network.heal()
    // The kernel sends again by itself, and the server acts once.
    expect(await answer).toBe(1)
  }
  expect(findProblem()).toBe('')
})
