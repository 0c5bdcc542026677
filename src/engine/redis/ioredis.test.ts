// What comes of answers that no Redis gives.
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { urlSource } from './ioredis.ts'
import { readRedisUrl } from './url.ts'

let server: Server | undefined

afterEach(() => {
  server?.close()
})

/** A client of a server that says to everything it gets the next of these. */
async function clientOf(...answers: string[]) {
  const sockets: Socket[] = []
  server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', () =>
      socket.write(answers.length > 1 ? (answers.shift() ?? '') : (answers[0] ?? '')),
    )
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const client = urlSource(readRedisUrl(`redis://127.0.0.1:${port}`, 'url')).openData(null, 1_000)
  const closed = new Promise<Error | undefined>((resolve) => client.onClose(resolve))
  return { client, closed, say: (text: string) => sockets.map((socket) => socket.write(text)) }
}

it('a reply that answers nothing ends the socket, and not the process', async () => {
  const { client, closed, say } = await clientOf('+PONG\r\n')
  await client.connect()
  say('$-1\r\n')
  expect((await closed)?.message).toContain('nobody asked')
})

it('so does one that comes with the answer to the first PING', async () => {
  const { client, closed } = await clientOf('+PONG\r\n$-1\r\n$-1\r\n')
  await expect(client.connect()).rejects.toThrow('nobody asked')
  expect((await closed)?.message).toContain('nobody asked')
})

it.each([
  ['no type of reply', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'Protocol error'],
  ['a list longer than there can be', '*99999999999\r\n', 'Invalid array length'],
  ['lists in lists without end', '*1\r\n'.repeat(100_000), 'Maximum call stack'],
])('%s ends the socket, and who has asked is told so', async (_, nonsense, words) => {
  const { client, closed } = await clientOf('+PONG\r\n', nonsense)
  await client.connect()
  const asked = ['GET', 'TTL'].map((name) =>
    client.send(name, ['key']).catch((error: Error) => error),
  )
  expect((await closed)?.message).toContain(words)
  for (const failure of (await Promise.all(asked)) as Error[]) {
    expect(client.isReply(failure)).toBe(false)
    expect(failure.message).toContain(words)
  }
  await expect(client.send('GET', ['key'])).rejects.toThrow(words)
})

it('what is asked after the socket has ended, in the same turn as well, is told that it has', async () => {
  const { client, closed } = await clientOf('+PONG\r\n')
  await client.connect()
  client.destroy()
  await expect(client.send('GET', ['key'])).rejects.toThrow('closed')
  await closed
})
