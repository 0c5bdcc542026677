import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, inject, test } from 'vitest'
import { ask, startRedis } from './redis.ts'

test('the shared server of the run answers', async () => {
  expect(await ask(Number(new URL(inject('redisUrl')).port), 'PING')).toBe('+PONG\r\n')
})

test('a started server answers until it is stopped', async () => {
  const redis = await startRedis()
  expect(await ask(redis.port, 'PING')).toBe('+PONG\r\n')
  await redis.stop()
  expect(await ask(redis.port, 'PING')).toBe('')
})

test('a paused server is silent, and stops in an orderly way all the same', async () => {
  const redis = await startRedis()
  redis.pause()
  expect(await ask(redis.port, 'PING', 100)).toBe('')
  redis.resume()
  expect(await ask(redis.port, 'PING')).toBe('+PONG\r\n')
  redis.pause()
  await redis.stop()
})

test('a killed server comes back on its port with its data', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-data-'))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always']
  const first = await startRedis({ args, folder })
  await ask(first.port, 'SET a 1')
  await first.kill()
  const second = await startRedis({ args, folder, port: first.port })
  expect(await ask(second.port, 'GET a')).toBe('$1\r\n1\r\n')
  await second.kill()
  rmSync(folder, { recursive: true })
})

test('twenty servers started at once all get a port of their own', async () => {
  const servers = await Promise.all(Array.from({ length: 20 }, () => startRedis()))
  expect(new Set(servers.map(({ port }) => port)).size).toBe(20)
  await Promise.all(servers.map((server) => server.kill()))
})

test('a taken port and a wrong argument are errors that carry what the server said', async () => {
  const redis = await startRedis()
  await expect(startRedis({ port: redis.port })).rejects.toThrow(/in use/i)
  await expect(startRedis({ args: ['--nonsense', 'yes'] })).rejects.toThrow(/nonsense/)
  await redis.stop()
})
